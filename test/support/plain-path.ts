import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** What a worker asks when it starts what it can do, which takes a tenth of its start. */
const asked = new Set(['ffmpeg', 'soffice'])

export type PlainPath = {
  /** A folder to be PATH. */
  path: string
  remove: () => void
}

/** All commands of PATH but those that only the tests of conversions want. */
export function makePlainPath(searchPath: string): PlainPath {
  const path = mkdtempSync(join(tmpdir(), 'longshore-path-'))
  const known = new Set(asked)
  for (const folder of searchPath.split(delimiter)) {
    for (const name of namesIn(folder)) {
      if (known.has(name)) continue
      known.add(name)
      symlinkSync(join(folder, name), join(path, name))
    }
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
