import { randomUUID } from 'node:crypto'
import { type Band, bands } from '../../src/contract/task.ts'
import { admitBand, type Delivery, ensureBands } from '../../src/db/admission.ts'
import { type Claim, type ClaimedTask, claimTasks } from '../../src/db/claims.ts'
import { type Sql, transact } from '../../src/db/connect.ts'
import { insertTasks } from '../../src/db/new-tasks.ts'
import { noteWorker } from '../../src/db/workers.ts'
import { openLog } from '../../src/log.ts'
import { createDatabase } from './postgres.ts'

type AddedTask = { accountId?: string; type?: string; priority?: number; parameters?: Record<string, unknown> }

export type Ledger = {
  sql: Sql
  /** Leads to Postgres itself. */
  databaseUrl: string
  /** Adds a task that waits for a worker; answers its id. Its account is its own unless one is given. */
  addTask: (task?: AddedTask) => Promise<string>
  /** Adds many tasks of one account at once. */
  addTasks: (count: number, task?: AddedTask) => Promise<string[]>
  /** One round of admission to a band. Types are `Test` unless said otherwise. */
  admit: (band?: Band, types?: readonly string[], how?: { whole: boolean }) => Promise<Delivery[]>
  claim: (taskId: string, dispatch: number, workerId?: string) => Promise<ClaimedTask | undefined>
  /** Lets a claim's lease run out. */
  outlive: (claim: Pick<Claim, 'taskId'>) => Promise<void>
  /** A task's row as it is now. */
  task: (id: string) => Promise<Record<string, unknown>>
  eventTypes: (id: string) => Promise<string[]>
  close: () => Promise<void>
}

export const silent = openLog('test', { base: 'silent', scopes: {} }).root

/** A ledger of the test's own, without any process on it. As far as it knows, a worker serves the type `Test`. */
export async function openLedger(): Promise<Ledger> {
  const database = await createDatabase()
  const { sql, close } = database.open({ name: 'test', maxConnections: 8 })
  await ensureBands(sql, bands)
  await noteWorker(sql, { id: 'w', bands: [...bands], concurrency: 1, types: ['Test'], offers: {} })
  const addTasks = (count: number, task: AddedTask = {}) => add(sql, count, task)
  return {
    sql,
    databaseUrl: database.databaseUrl,
    addTask: async (task) => {
      const [id] = await addTasks(1, task)
      return String(id)
    },
    addTasks,
    admit: (band = 'normal', types = ['Test'], how) => transact(sql, (query) => admitBand(query, band, types, how)),
    claim: async (taskId, dispatch, workerId = 'w') => {
      const [claimed] = await claimTasks(sql, workerId, [{ taskId, dispatch }])
      return claimed
    },
    outlive: async ({ taskId }) => {
      await sql`update tasks set lease_expires_at = now() - interval '1 millisecond' where id = ${taskId}`
    },
    task: async (id) => {
      const [row] = await sql`select * from tasks where id = ${id}`
      return { ...row }
    },
    eventTypes: async (id) => {
      const rows = await sql<{ type: string }[]>`select type from task_events where task_id = ${id} order by seq`
      return rows.map((row) => row.type)
    },
    close: async () => {
      await close()
      await database.drop()
    },
  }
}

async function add(sql: Sql, count: number, task: AddedTask): Promise<string[]> {
  const { accountId = randomUUID(), type = 'Test', priority = 50, parameters = {} } = task
  const ids = Array.from({ length: count }, () => randomUUID())
  const fields = { accountId, type, name: 'a test', status: 'Pending', parameters, priority, runnable: true } as const
  await transact(sql, (query) =>
    insertTasks(
      query,
      ids.map((id) => ({ id, ...fields })),
    ),
  )
  return ids
}
