import type { Query } from './connect.ts'
import { formatSnapshot, parseSnapshot, sees, type Snapshot } from './snapshot.ts'

/** So many transactions are read at once at most, so that a day's backlog is not one statement. */
const pageTransactions = 5000

/**
 * Has the event log be read from here on at the latest. To be called in the transaction that adds somebody who wants to be
 * told; until it ends, nobody reads, so what is committed after it is not passed over.
 */
export async function joinFeed(query: Query): Promise<void> {
  await query`
    insert into notify_feed (id, cursor) values (1, pg_current_snapshot()::text)
    on conflict (id) do update set cursor = notify_feed.cursor`
}

/** What was read so far; nobody else reads until the transaction has ended. Undefined when nobody wants to be told. */
export async function holdFeed(query: Query): Promise<Snapshot | undefined> {
  const [row] = await query<{ cursor: string }[]>`select cursor from notify_feed where id = 1 for update`
  return row && toSnapshot(row.cursor)
}

/** True while the log is to be read. */
export async function isFeedOpen(query: Query): Promise<boolean> {
  return (await query`select 1 from notify_feed`).length > 0
}

export async function leaveFeed(query: Query): Promise<void> {
  await query`delete from notify_feed where id = 1`
}

export async function moveFeed(query: Query, to: Snapshot): Promise<void> {
  await query`update notify_feed set cursor = ${formatSnapshot(to)} where id = 1`
}

export async function currentSnapshot(query: Query): Promise<Snapshot> {
  const [row] = await query<[{ cursor: string }]>`select pg_current_snapshot()::text as cursor`
  return toSnapshot(row.cursor)
}

/** A stretch of the log: what the second snapshot sees and the first does not. */
export type Stretch = { seen: Snapshot; upto: Snapshot }

/** The next stretch to be read: all there is, or as much as is read at once. */
export function nextStretch(seen: Snapshot, now: Snapshot): Stretch & { isLast: boolean } {
  const xmax = Math.min(now.xmax, seen.xmax + pageTransactions)
  const upto = { xmin: Math.min(now.xmin, xmax), xmax, running: now.running.filter((xid) => xid < xmax) }
  return { seen, upto, isLast: xmax === now.xmax }
}

/**
 * The events of a stretch, of those accounts only that want to be told in some way, for they are few beside all: each
 * is looked for by itself in the index of accounts and transactions.
 */
export function eventsWithin(query: Query, { seen, upto }: Stretch, of: keyof typeof wanting) {
  const ended = seen.running.filter((xid) => sees(upto, xid))
  const columns = query`task_id, seq, account_id, type, data, xid, created_at`
  return query`
    select event.* from (${query.unsafe(wanting[of])}) as wanted cross join lateral (
      select ${columns} from task_events
      where account_id = wanted.account_id and xid >= ${String(seen.xmax)}::text::xid8
        and xid < ${String(upto.xmax)}::text::xid8 and xid <> all(${upto.running.map(String)}::text[]::xid8[])
      union all
      select ${columns} from task_events
      where account_id = wanted.account_id and xid = any(${ended.map(String)}::text[]::xid8[])
    ) as event`
}

const wanting = {
  webhooks: 'select distinct account_id from webhooks where enabled',
  push_subscriptions: 'select distinct account_id from push_subscriptions',
}

function toSnapshot(text: string): Snapshot {
  const snapshot = parseSnapshot(text)
  if (snapshot === undefined) throw new Error(`not a snapshot: ${text}`)
  return snapshot
}
