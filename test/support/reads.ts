import type { Database } from '../../src/db/connect.ts'

/** Rows by the name of the index, or `table …`, by which they were read. */
export type Reads = Record<string, number>

/** How many rows of tasks and events a piece of work read, by index; `table` stands for reading the table itself. */
export async function countReads(all: readonly Database['sql'][], work: () => Promise<unknown>): Promise<Reads> {
  const before = await counts(all)
  await work()
  const after = await counts(all)
  const reads = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
  return Object.fromEntries(reads.filter(([, count]) => count > 0))
}

/** Deliveries that were admitted and wait for a worker. */
export async function listUnclaimed(
  sql: Database['sql'],
  limit: number,
): Promise<{ taskId: string; dispatch: number }[]> {
  return sql<{ taskId: string; dispatch: number }[]>`
    select id as task_id, dispatch from tasks
    where band = 'normal' and runnable and admitted_at is not null and lease_expires_at is null order by turn limit ${limit}`
}

/** Has connections tell what they counted. They do so when the statement is over, and are asked once more to know that it is. */
export async function flush(all: readonly Database['sql'][]): Promise<void> {
  for (const sql of all) {
    await sql`select pg_stat_force_next_flush()`
    await sql`select 1`
  }
}

/** Rows read so far, by index and by table. */
async function counts(all: readonly Database['sql'][]): Promise<Reads> {
  await flush(all)
  const [sql] = all
  if (sql === undefined) return {}
  const rows = await sql<{ name: string; count: number }[]>`
    select indexrelname as name, idx_tup_read as count from pg_stat_user_indexes where relname in ('tasks', 'task_events')
    union all
    select 'table ' || relname, seq_tup_read from pg_stat_user_tables where relname in ('tasks', 'task_events')`
  return Object.fromEntries(rows.map((row) => [row.name, row.count]))
}
