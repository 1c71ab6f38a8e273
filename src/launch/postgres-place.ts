import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, realpath, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemCode } from '../errors.ts'
import { LaunchError } from './launch-error.ts'
import { copyBinaries, findBinaries, linkLibraries, type PostgresBinaries } from './postgres-binaries.ts'
import { chooseUser, mayPass, mayRead, type RunAs } from './postgres-user.ts'

/** What is needed to run the Postgres of one DATA_DIR: its programs, its user and the folders it lives in. */
export type PostgresPlace = {
  binaries: PostgresBinaries
  runAs: RunAs
  /** Holds `dataFolder` and whatever else Postgres's user must reach: DATA_DIR itself wherever that is possible. */
  home: string
  dataFolder: string
}

/**
 * Finds where the Postgres of a DATA_DIR lives, or chooses that on the first start. As root it may be elsewhere, since
 * Postgres then runs as a user who may not be allowed into DATA_DIR; DATA_DIR keeps a note of it. Throws LaunchError
 * when the noted place is gone, or no place can be had.
 */
export async function findPlace(dataDir: string, log: (line: string) => void): Promise<PostgresPlace> {
  const installed = await findBinaries()
  const folderName = `postgres-${installed.major}`
  const noted = await readNote(dataDir)
  const runAs = await chooseUser(join(noted ?? dataDir, folderName))
  const home = noted ?? (await chooseHome(dataDir, folderName, runAs, log))
  const binaries = await reachableBinaries(installed, home, runAs)
  return { binaries, runAs, home, dataFolder: join(home, folderName) }
}

const noteName = 'postgres-place'

async function readNote(dataDir: string): Promise<string | undefined> {
  const note = join(dataDir, noteName)
  const home = await readFile(note, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (home === undefined) return undefined
  const there = await stat(home.trim()).catch(() => undefined)
  if (there !== undefined) return home.trim()
  throw new LaunchError(
    `The database of ${dataDir} was in ${home.trim()}, which is gone. Put it back, or delete ${note} to begin with an empty database.`,
  )
}

async function chooseHome(
  dataDir: string,
  folderName: string,
  runAs: RunAs,
  log: (line: string) => void,
): Promise<string> {
  if (runAs === undefined || (await mayPass(runAs, dataDir))) return dataDir
  const there = await stat(join(dataDir, folderName)).catch(() => undefined)
  if (there !== undefined) {
    throw new LaunchError(
      `The database in ${dataDir} belongs to ${runAs.name}, who may not enter that folder. Start as that user, or allow them in (chmod o+x).`,
    )
  }
  const home = await makeHome(dataDir, runAs)
  await writeFile(join(dataDir, noteName), `${home}\n`)
  log(`Postgres runs as ${runAs.name}, who may not enter ${dataDir}: the database is kept in ${home}`)
  return home
}

/** A folder of root's that everybody may pass through and nobody else may write in. */
async function makeHome(dataDir: string, runAs: RunAs): Promise<string> {
  const hash = createHash('sha256')
    .update(await realpath(dataDir))
    .digest('hex')
    .slice(0, 12)
  for (const parent of ['/var/lib/longshore', tmpdir()]) {
    try {
      await mkdir(parent, { recursive: true, mode: 0o755 })
      const { uid, mode } = await stat(parent)
      const replaceable = uid !== 0 || ((mode & 0o022) !== 0 && (mode & 0o1000) === 0)
      if (replaceable || !(await mayPass(runAs, parent))) continue
      // A fresh name each time: what an earlier DATA_DIR of the same path left behind is not ours to take over.
      const home = await mkdtemp(join(parent, parent === tmpdir() ? `longshore-${hash}-` : `${hash}-`))
      await chmod(home, 0o755)
      return home
    } catch (error) {
      if (!['EACCES', 'EPERM', 'EROFS', 'ENOENT'].includes(systemCode(error) ?? '')) throw error
    }
  }
  throw new LaunchError(
    `Postgres cannot run as root, and its user may not enter ${dataDir}. Set DATA_DIR to a folder that every user may pass through, such as /srv/longshore.`,
  )
}

/** Leaves the programs where npm put them if Postgres's user can run them there, else copies them. */
async function reachableBinaries(installed: PostgresBinaries, home: string, runAs: RunAs): Promise<PostgresBinaries> {
  const needed = ['bin/postgres', 'share/postgresql/postgresql.conf.sample', 'lib/postgresql/plpgsql.so']
  const readable = await Promise.all(needed.map((path) => mayRead(runAs, join(installed.folder, path))))
  const usable = readable.every(Boolean) && (await linkLibraries(installed.folder))
  return usable ? installed : copyBinaries(installed, home)
}
