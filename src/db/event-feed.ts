import type { Query } from './connect.ts'

/** A fact about a task as the ledger keeps it. `seq` numbers the events of one task from 1. */
export type FeedEvent = {
  taskId: string
  seq: number
  accountId: string
  type: string
  data: Record<string, unknown>
  /** The transaction that wrote it. */
  xid: number
  /** The pools that its task has to do with. */
  poolIds: readonly string[]
}

export type FeedRead = {
  events: FeedEvent[]
  /** What this read could see, as a `pg_snapshot`: hand it to the next read. Means something to this ledger only. */
  cursor: string
  /** When the server was started, in seconds: another one may have taken the place of that which was read before. */
  serverStart: number
  /** The ledger's time in seconds. */
  now: number
  /** When the oldest of these events was written, in seconds; null without any. */
  oldestAt: number | null
}

/**
 * Answers the events that were committed since the read that gave the cursor: each exactly once, whatever the order in
 * which concurrent transactions commit, and those of one task by rising `seq`. Without a cursor it answers none, and a
 * cursor from which to follow. Must not run inside a transaction that itself writes events.
 */
export async function readNewEvents(sql: Query, cursor: string | undefined): Promise<FeedRead> {
  const rows = cursor === undefined ? await readNone(sql) : await readSince(sql, cursor)
  const [first] = rows
  if (first === undefined) throw new Error('the event feed answered no row')
  const { cursor: seen, serverStart, now, oldestAt } = first
  return { events: rows.flatMap(toEvent), cursor: seen, serverStart, now, oldestAt }
}

/** What every read of events tells beside them. */
export const readFacts = (query: Query) => query`
  pg_current_snapshot()::text as cursor, extract(epoch from pg_postmaster_start_time())::float8 as server_start,
  extract(epoch from now())::float8 as now`

/** More numbers than a server gives out in the time that it may owe the disk. */
const lostAtMost = 100_000

/**
 * From which transaction on the numbers below `xmax` may have been given out a second time since the server was started. What had
 * not reached the disk when it crashed took its number with it, also where a snapshot of before says that it was seen.
 */
export async function readGivenAgain(query: Query, xmax: number): Promise<number> {
  const [row] = await query<[{ first: number }]>`
    select least(
      pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
      (
        select xid::text::bigint from task_events
        where xid >= ${String(Math.max(3, xmax - lostAtMost))}::text::xid8 and xid < ${String(xmax)}::text::xid8
          and created_at >= pg_postmaster_start_time()
        order by xid limit 1
      )
    ) as first`
  return row.first
}

async function readSince(sql: Query, cursor: string): Promise<Row[]> {
  // The upper bound keeps out what cannot be: rows of another server, whose transactions were numbered higher.
  return sql<Row[]>`
    with fresh as (
      select * from task_events
      where xid >= pg_snapshot_xmax(${cursor}::pg_snapshot) and xid < pg_snapshot_xmax(pg_current_snapshot())
      union all
      select * from task_events
      where xid = any (array(select pg_snapshot_xip(${cursor}::pg_snapshot)))
    )
    select ${readFacts(sql)}, fresh.task_id, fresh.seq, fresh.account_id, fresh.type, fresh.data, fresh.xid::text::bigint as xid,
      task.pool_ids, extract(epoch from min(fresh.created_at) over ())::float8 as oldest_at
    from (select) as always left join (
      fresh cross join lateral (select pool_ids from tasks where id = fresh.task_id limit 1) as task
    ) on true
    order by fresh.task_id, fresh.seq`
}

async function readNone(sql: Query): Promise<Row[]> {
  return sql<Row[]>`select ${readFacts(sql)}, null as task_id, null::float8 as oldest_at`
}

type Facts = Omit<FeedRead, 'events'>
type Row = Facts & (FeedEvent | { taskId: null })

function toEvent(row: Row): FeedEvent[] {
  if (row.taskId === null) return []
  const { taskId, seq, accountId, type, data, xid, poolIds } = row
  return [{ taskId, seq, accountId, type, data, xid, poolIds }]
}
