import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCluster } from '../../src/launch/postgres-cluster.ts'
import { startServer } from '../../src/launch/postgres-server.ts'

export type OwnPostgres = {
  /** Its database `postgres`, with nothing in it. The address stays the same over restarts. */
  databaseUrl: string
  /** Ends the server as a crash of the machine would, without a chance to tidy up. */
  kill9: () => Promise<void>
  /** Starts it again on its port after `kill9` or `halt`. */
  start: () => Promise<void>
  /** Ends the server in order; `start` brings it back. */
  halt: () => Promise<void>
  /** Ends the server for good and removes its data. */
  stop: () => Promise<void>
}

/** Starts an embedded Postgres on a free loopback port with data of its own, for its owner to kill and restart. */
export async function startOwnPostgres(settings: Record<string, string>): Promise<OwnPostgres> {
  const dataDir = await mkdtemp(join(tmpdir(), 'longshore-postgres-'))
  const remove = () => rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  try {
    // As root, Postgres runs as another user, who must be able to pass through.
    await chmod(dataDir, 0o711)
    const cluster = await openCluster({ dataDir, log: () => {} })
    const start = (port?: number) => startServer({ place: cluster.place, logFile: cluster.logFile, port, settings })
    let server = await start()
    const { port } = server
    return {
      databaseUrl: cluster.databaseUrl(port, 'postgres'),
      kill9: async () => {
        process.kill(server.pid, 'SIGKILL')
        await server.exited
      },
      start: async () => {
        server = await start(port)
      },
      halt: () => server.stop(),
      stop: async () => {
        await server.stop()
        cluster.release()
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}
