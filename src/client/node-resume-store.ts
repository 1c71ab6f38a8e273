import { createHash, randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ResumeStore } from './platform.ts'

/** The server gives up on a silent upload long before. */
const keptMs = 30 * 24 * 3600 * 1000

/** Notes unfinished uploads in a folder, a small file each, which any number of programs may use at once. */
export function fileResumeStore(folder = join(homedir(), '.local', 'state', 'longshore', 'uploads')): ResumeStore {
  const pathOf = (key: string): string => join(folder, `${createHash('sha256').update(key).digest('hex')}.json`)
  return {
    get: (key) => readFile(pathOf(key), 'utf8').catch(() => undefined),
    set: async (key, value) => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await removeOld(folder)
      const fresh = join(folder, `${randomUUID()}.new`)
      await writeFile(fresh, value, { mode: 0o600 })
      await rename(fresh, pathOf(key))
    },
    delete: (key) => rm(pathOf(key), { force: true }),
  }
}

async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const facts = await stat(path).catch(() => undefined)
    if (facts !== undefined && Date.now() - facts.mtimeMs > keptMs) await rm(path, { force: true })
  }
}
