import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The project's folder (the nearest one with a package.json), whether this runs from the sources or from dist/. */
export function packageRoot(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error(`no package.json in or above ${import.meta.dirname}`)
    folder = parent
  }
  return folder
}
