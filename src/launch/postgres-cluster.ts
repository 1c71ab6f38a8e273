import { execFile } from 'node:child_process'
import { chown, mkdir, open, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { keptSecret } from './kept-secret.ts'
import { LaunchError } from './launch-error.ts'
import { lockFolder } from './lock.ts'
import { findPlace, type PostgresPlace } from './postgres-place.ts'
import { ids, isInitialised, postgresEnvironment, stopLeftover } from './postgres-server.ts'

export type PostgresCluster = {
  place: PostgresPlace
  /** Where the server writes its log. */
  logFile: string
  /** The address of a database of this cluster, once its server listens on the port. */
  databaseUrl: (port: number, database: string) => string
  /** Lets others use the cluster again. */
  release: () => void
}

export type ClusterOptions = {
  dataDir: string
  log: (line: string) => void
  signal?: AbortSignal | undefined
}

const user = 'longshore'
export const embeddedDatabase = 'longshore'

/**
 * Makes the cluster of a DATA_DIR ready to be started: creates it if there is none yet, ends a server that a killed
 * predecessor left on it. Throws LaunchError when that cannot be done.
 */
export async function openCluster({ dataDir, log, signal }: ClusterOptions): Promise<PostgresCluster> {
  const place = await findPlace(dataDir, log)
  const release = await claim(place, dataDir)
  try {
    const password = await keptSecret(dataDir, 'postgres-password')
    if (!(await isInitialised(place.dataFolder))) await initialise(place, password, log, signal)
    if (await stopLeftover(place.dataFolder)) log('Stopped the Postgres that an earlier start had left running.')
    const databaseUrl = (port: number, database: string) => embeddedUrl(password, port, database)
    return { place, logFile: join(dataDir, 'postgres.log'), databaseUrl, release }
  } catch (error) {
    release()
    throw error
  }
}

/** The address of a database of an embedded Postgres, Longshore's own unless another is named. */
export function embeddedUrl(password: string, port: number, database = embeddedDatabase): string {
  return `postgres://${user}:${password}@127.0.0.1:${port}/${database}`
}

/** A copied DATA_DIR notes the same place as its original; only one of them may use it at a time. */
async function claim(place: PostgresPlace, dataDir: string): Promise<() => void> {
  if (place.home === dataDir) return () => {}
  const unlock = await lockFolder(place.home)
  if (unlock !== undefined) return unlock
  throw new LaunchError(`The database in ${place.home} is in use by another DATA_DIR. Was ${dataDir} copied from it?`)
}

/** Made beside its final name and then renamed, so that a start broken off here leaves no half a cluster. */
async function initialise(
  place: PostgresPlace,
  password: string,
  log: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  log('Creating the database …')
  const partial = `${place.dataFolder}.partial`
  const passwordFile = `${place.dataFolder}.password`
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true, mode: 0o700 })
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (place.runAs) {
    await chown(partial, place.runAs.uid, place.runAs.gid)
    await chown(passwordFile, place.runAs.uid, place.runAs.gid)
  }
  try {
    await promisify(execFile)(
      join(place.binaries.folder, 'bin', 'initdb'),
      ['-D', partial, '-U', user, `--pwfile=${passwordFile}`, ...initdbOptions],
      { cwd: place.home, env: postgresEnvironment(), ...ids(place), ...(signal ? { signal } : {}) },
    )
    await rename(partial, place.dataFolder)
    await flushFolder(dirname(place.dataFolder))
  } catch (cause) {
    signal?.throwIfAborted()
    const reason = cause instanceof Error ? cause.message.split('\n').filter(Boolean).join(' / ') : String(cause)
    throw new LaunchError(
      `The embedded Postgres cannot be set up here; set DATABASE_URL to one of your own. ${reason}`,
      { cause },
    )
  } finally {
    await rm(passwordFile, { force: true })
  }
}

const initdbOptions = [
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
]

async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  await handle.sync()
  await handle.close()
}
