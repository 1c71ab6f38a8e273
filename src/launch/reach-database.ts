import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Config } from '../config.ts'
import { startEmbeddedPostgres } from './embedded-postgres.ts'
import { type Environment, isEmbedded } from './environment.ts'
import { readSecret } from './kept-secret.ts'
import { LaunchError } from './launch-error.ts'
import { lockFolder } from './lock.ts'
import { embeddedUrl } from './postgres-cluster.ts'
import { findPlace } from './postgres-place.ts'
import { isInitialised } from './postgres-server.ts'
import { requireDatabase } from './preflight.ts'

export type ReachedDatabase = { databaseUrl: string; directUrl: string; close: () => Promise<void> }

/**
 * The database of a deployment, for a command beside its processes: the one that is set, or the embedded one, which is started
 * for as long as it is needed unless it runs already. Throws LaunchError when there is none, or it does not answer.
 */
export async function reachDatabase(
  env: Environment,
  { dataDir, databaseUrl, databaseDirectUrl: directUrl }: Config,
): Promise<ReachedDatabase> {
  if (!isEmbedded(env)) {
    await requireDatabase('DATABASE_URL', databaseUrl)
    if (directUrl !== databaseUrl) await requireDatabase('DATABASE_DIRECT_URL', directUrl)
    return { databaseUrl, directUrl, close: async () => {} }
  }
  if (!(await stat(dataDir).catch(() => undefined))) throw noDatabase(dataDir)
  const unlock = await lockFolder(dataDir)
  const url = unlock === undefined ? await runningUrl(dataDir) : undefined
  if (url !== undefined) return { databaseUrl: url, directUrl: url, close: async () => {} }
  try {
    if (!(await isInitialised((await findPlace(dataDir, () => {})).dataFolder))) throw noDatabase(dataDir)
    const server = await startEmbeddedPostgres({ dataDir, log: () => {} })
    const close = async () => {
      await server.stop()
      unlock?.()
    }
    return { databaseUrl: server.databaseUrl, directUrl: server.databaseUrl, close }
  } catch (error) {
    unlock?.()
    throw error
  }
}

/** Where the Postgres listens that `npm start` runs on this folder. */
async function runningUrl(dataDir: string): Promise<string> {
  const { dataFolder } = await findPlace(dataDir, () => {})
  const pidFile = await readFile(join(dataFolder, 'postmaster.pid'), 'utf8').catch(() => '')
  const port = Number(pidFile.split('\n')[3])
  const password = await readSecret(dataDir, 'postgres-password')
  if (!Number.isInteger(port) || port < 1 || password === undefined) {
    throw new LaunchError(`Longshore is starting or stopping on ${dataDir}. Try again in a moment.`)
  }
  const url = embeddedUrl(password, port)
  await requireDatabase('DATABASE_URL', url)
  return url
}

function noDatabase(dataDir: string): LaunchError {
  return new LaunchError(
    `There is no database in DATA_DIR (${dataDir}): set DATABASE_URL or DATA_DIR to the ones that the server uses.`,
  )
}
