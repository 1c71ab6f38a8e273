import { chmod, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../src/launch/embedded-postgres.ts'
import { scratchFolder } from './measure.ts'

/** The server at `databaseUrl`, or an embedded one with data of its own when that is undefined. */
export async function openDatabaseServer({
  databaseUrl,
  log,
}: {
  databaseUrl: string | undefined
  log: (line: string) => void
}): Promise<{ databaseUrl: string; stop: () => Promise<void> }> {
  if (databaseUrl !== undefined) return { databaseUrl, stop: async () => {} }
  const dataDir = await scratchFolder(join(tmpdir(), 'longshore-bench-postgres'))
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true })
  try {
    // Under root Postgres runs as another user, and would keep its data elsewhere if that user could not enter.
    await chmod(dataDir, 0o755)
    const server = await startEmbeddedPostgres({ dataDir, log })
    const stop = async (): Promise<void> => {
      await server.stop()
      await remove()
    }
    return { databaseUrl: server.databaseUrl, stop }
  } catch (error) {
    await remove()
    throw error
  }
}
