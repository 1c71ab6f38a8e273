import { readdir, stat } from 'node:fs/promises'
import { basename, join, relative, resolve, sep } from 'node:path'
import { UsageError } from './exit.ts'

/** A file to send, and what it shall be called. */
export type LocalFile = { path: string; name: string; sizeBytes: number }

/**
 * The files that paths lead to; those of a folder with their path from its own name on (`photos/june/1.jpg`), in the order of
 * their names. What is neither file nor folder is left out. Throws UsageError for a path that leads nowhere.
 */
export async function findFiles(paths: readonly string[]): Promise<LocalFile[]> {
  const found: LocalFile[] = []
  for (const path of paths) {
    const facts = await stat(path).catch(() => undefined)
    if (facts === undefined) throw new UsageError(`there is no ${path}`)
    if (facts.isDirectory()) found.push(...(await filesBelow(path)))
    else found.push({ path, name: basename(path), sizeBytes: facts.size })
  }
  return found
}

async function filesBelow(folder: string): Promise<LocalFile[]> {
  const top = basename(resolve(folder))
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Promise.all(
    paths.sort().map(async (path) => ({
      path,
      name: [top, ...relative(folder, path).split(sep)].join('/'),
      sizeBytes: (await stat(path)).size,
    })),
  )
}
