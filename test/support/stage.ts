import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { openDatabase, type Sql } from '../../src/db/connect.ts'
import { clientOf, type TestClient } from './client.ts'
import { createDatabase } from './postgres.ts'
import { startSystem, type SystemOptions, type TestSystem } from './system.ts'

/** A running system with a ledger of its own, and a test's view behind the scenes. */
export type Stage = {
  system: TestSystem
  sql: Sql
  databaseUrl: string
  poolPath: string
  /** A client of one API process: the first unless said otherwise, with an account of its own. */
  client: (options?: { account?: string; api?: number }) => Promise<TestClient>
  /** What lies in the default pool, folders left out, by its path in the pool. */
  poolFiles: () => Promise<string[]>
  /** The staging file that an upload's chunks are written to now; undefined when there is none. */
  stagingPath: (taskId: unknown) => Promise<string | undefined>
  /** The types of a task's events, in their order. */
  eventTypes: (taskId: unknown) => Promise<string[]>
  close: () => Promise<void>
}

export type StageOptions = Omit<SystemOptions, 'databaseUrl'> & { pooled?: boolean | undefined }

const defaultPoolId = '550e8400-e29b-41d4-a716-446655440000'

/** `pooled`: its processes reach the ledger through a PgBouncer in transaction mode. */
export async function openStage({ pooled, ...options }: StageOptions = {}): Promise<Stage> {
  const database = await createDatabase(pooled === undefined ? {} : { pooled })
  const { databaseUrl } = database
  const system = await startSystem({ databaseUrl, ...options, env: { ...database.env, ...options.env } })
  const { sql, close } = openDatabase(databaseUrl, { name: 'test', maxConnections: 2 })
  const poolPath = join(system.dataDir, 'pools', defaultPoolId)
  const poolFiles = () => filesBelow(poolPath)
  return {
    system,
    sql,
    databaseUrl,
    poolPath,
    client: ({ account, api = 0 } = {}) => clientOf(system.urls[api] ?? '', account),
    poolFiles,
    stagingPath: async (taskId) => {
      const name = (await poolFiles()).find((path) => path.startsWith(`.uploads/${taskId}`))
      return name === undefined ? undefined : join(poolPath, name)
    },
    eventTypes: async (taskId) => {
      const rows = await sql<{ type: string }[]>`
        select type from task_events where task_id = ${String(taskId)} order by seq`
      return rows.map((row) => row.type)
    },
    close: async () => {
      await system.stop()
      await close()
      await database.drop()
    },
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort()
}
