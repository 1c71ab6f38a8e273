import { stat, truncate } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { deathCounter } from './death-counter.ts'
import { embeddedDatabase as database, openCluster } from './postgres-cluster.ts'
import { type PostgresServer, startServer } from './postgres-server.ts'

export type EmbeddedPostgres = {
  databaseUrl: string
  major: number
  pid: () => number
  /** Stops the server; everything committed is on disk afterwards. */
  stop: () => Promise<void>
}

export type EmbeddedPostgresOptions = {
  dataDir: string
  log: (line: string) => void
  /** Postgres's own settings, by their names. */
  settings?: Record<string, string>
  signal?: AbortSignal
  /** Called when the server keeps dying and is not started again. */
  onGivenUp?: () => void
}

/**
 * Starts the Postgres of a DATA_DIR, and makes it first if there is none. It listens on a free port of the loopback
 * interface; if it dies it comes back on the same port. Throws LaunchError when it cannot be started.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir, log, settings, signal } = options
  const cluster = await openCluster({ dataDir, log, signal })
  const undo = [async () => cluster.release()]
  const close = async () => {
    for (const step of undo.reverse()) await step()
  }
  try {
    await shorten(cluster.logFile)
    const { place, logFile } = cluster
    const start = (port?: number) => startServer({ place, logFile, port, settings, signal })
    const server = await start()
    const keeper = keepRunning(server, start, options)
    undo.push(keeper.stop)
    await createDatabase(cluster.databaseUrl(server.port, 'postgres'))
    const databaseUrl = cluster.databaseUrl(server.port, database)
    return { databaseUrl, major: place.binaries.major, pid: keeper.pid, stop: close }
  } catch (error) {
    await close()
    throw error
  }
}

/** A log of months would only fill the disk: it begins anew when it has grown. */
async function shorten(logFile: string): Promise<void> {
  const there = await stat(logFile).catch(() => undefined)
  if (there !== undefined && there.size > 4 * 1024 * 1024) await truncate(logFile)
}

async function createDatabase(serverUrl: string): Promise<void> {
  const sql = postgres(serverUrl, { max: 1, onnotice: () => {}, connect_timeout: 10 })
  try {
    const there = await sql`SELECT 1 FROM pg_database WHERE datname = ${database}`
    if (there.length === 0) await sql`CREATE DATABASE ${sql(database)}`
  } finally {
    await sql.end({ timeout: 5 })
  }
}

function keepRunning(
  first: PostgresServer,
  start: (port: number) => Promise<PostgresServer>,
  { log, onGivenUp }: EmbeddedPostgresOptions,
): { pid: () => number; stop: () => Promise<void> } {
  let server = first
  let stopping = false
  const died = deathCounter()
  const watching = (async () => {
    for (;;) {
      await server.exited
      if (stopping) return
      if (died()) return onGivenUp?.()
      log('Postgres ended unexpectedly; it is started again in 1 s.')
      await delay(1000)
      if (stopping) return
      server = await start(first.port)
      if (stopping) await server.stop()
    }
  })().catch((error: unknown) => {
    log(error instanceof Error ? error.message : String(error))
    onGivenUp?.()
  })
  return {
    pid: () => server.pid,
    stop: async () => {
      stopping = true
      await server.stop()
      await watching
    },
  }
}
