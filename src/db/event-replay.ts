import type { Query } from './connect.ts'
import { type FeedEvent, readFacts } from './event-feed.ts'
import { formatSnapshot, type Snapshot } from './snapshot.ts'

/** Which events are meant: those of a task, of an account, of a pool, or of an account in a pool. */
export type EventFilter = { taskId: string } | { accountId: string; poolId?: string } | { poolId: string }

/**
 * How far a reader has come: it knows all that `seen` sees and, when it stopped within a batch, of what `upto` sees more
 * everything up to a place in the order of task and seq.
 */
export type Position = { seen: Snapshot; within?: { upto: Snapshot; taskId: string; seq: number } }

export type MissedEvent = FeedEvent & {
  /** False for the rest of the batch that the reader stopped in. */
  isNew: boolean
}

export type MissedPage = {
  events: MissedEvent[]
  /** What this read could see. */
  cursor: string
  serverStart: number
  now: number
  /** There are more; go on from the last one. */
  more: boolean
}

/**
 * Answers what a reader has missed, up to `limit` events: first the rest of its batch, then what is new, each by task and
 * seq. In this order those of one task have rising `seq`, and whoever stops anywhere can go on from there.
 */
export async function readMissedEvents(
  query: Query,
  filter: EventFilter,
  { seen, within }: Position,
  limit: number,
): Promise<MissedPage> {
  const rows = await query<Row[]>`
    with missed as (
      ${within === undefined ? query`` : query`(${restOfBatch(query, filter, { seen, within }, limit + 1)}) union all`}
      (${newSince(query, filter, within?.upto ?? seen, limit + 1)})
    )
    select ${readFacts(query)}, missed.* from (select) as always left join missed on true
    order by is_new, task_id, seq limit ${limit + 1}`
  const [first] = rows
  if (first === undefined) throw new Error('the event feed answered no row')
  const { cursor, serverStart, now } = first
  const events = rows.flatMap(toEvent)
  return { events: events.slice(0, limit), cursor, serverStart, now, more: events.length > limit }
}

/** How many events a reader has missed, counted up to `limit`. */
export async function countMissedEvents(
  query: Query,
  filter: EventFilter,
  { seen, within }: Position,
  limit: number,
): Promise<number> {
  const [row] = await query<[{ count: number }]>`
    select count(*)::int as count from (${newSince(query, filter, within?.upto ?? seen, limit)}) as missed`
  return row.count
}

type Batch = Required<Position>

function restOfBatch(query: Query, filter: EventFilter, { seen, within }: Batch, limit: number) {
  return query`
    select e.task_id, e.seq, e.account_id, e.type, e.data, e.xid::text::bigint as xid, t.pool_ids, false as is_new
    from task_events e join tasks t on t.id = e.task_id
    where ${matching(query, filter)} and ${notSeenBy(query, seen)}
      and pg_visible_in_snapshot(e.xid, ${formatSnapshot(within.upto)}::pg_snapshot)
      and (e.task_id, e.seq) > (${within.taskId}::uuid, ${within.seq}::int)
    order by e.task_id, e.seq limit ${limit}`
}

function newSince(query: Query, filter: EventFilter, seen: Snapshot, limit: number) {
  return query`
    select e.task_id, e.seq, e.account_id, e.type, e.data, e.xid::text::bigint as xid, t.pool_ids, true as is_new
    from task_events e join tasks t on t.id = e.task_id
    where ${matching(query, filter)} and ${notSeenBy(query, seen)}
    order by e.task_id, e.seq limit ${limit}`
}

function matching(query: Query, filter: EventFilter) {
  if ('taskId' in filter) return query`e.task_id = ${filter.taskId}`
  const inPool = filter.poolId === undefined ? query`true` : query`t.pool_ids @> array[${filter.poolId}]`
  return 'accountId' in filter ? query`e.account_id = ${filter.accountId} and ${inPool}` : inPool
}

/** Ranges of an index on `xid`; rows that a server numbered higher whose copy this ledger is are none of them. */
function notSeenBy(query: Query, { xmax, running }: Snapshot) {
  const began = query`e.xid >= ${String(xmax)}::text::xid8`
  const later = query`${began} and e.xid < pg_snapshot_xmax(pg_current_snapshot())`
  return running.length === 0 ? later : query`((${later}) or e.xid = any(${running.map(String)}::text[]::xid8[]))`
}

type Facts = Pick<MissedPage, 'cursor' | 'serverStart' | 'now'>
type Row = Facts & (MissedEvent | { taskId: null })

function toEvent(row: Row): MissedEvent[] {
  if (row.taskId === null) return []
  const { taskId, seq, accountId, type, data, xid, poolIds, isNew } = row
  return [{ taskId, seq, accountId, type, data, xid, poolIds, isNew }]
}
