import type { Band } from '../contract/task.ts'
import type { Query } from './connect.ts'

/** A delivery of a task to its band's queue. `rank` orders it there: the smallest first. */
export type Delivery = { taskId: string; dispatch: number; band: Band; rank: number }

/** The same with the trace that the task is part of. */
export type AdmittedDelivery = Delivery & { traceparent: string | null }

/** How many admitted tasks of a band may wait for a worker. */
const windowSize = 512
/** Beyond the window, so that an account which has none in it need not wait until it drains. */
const overflowSize = 2048
const overflowStep = 64
/** Leases that run out are taken away so many at once. */
const expiredAtOnce = 1000
/** The engine takes ranks up to 2^21 - 1; half of it leaves room for what is admitted meanwhile. */
const maxRank = 2 ** 20

type BandRow = { turn: number; base: number; paused: boolean }
type WindowRow = { waiting: number; turn: number | null }

/** Makes the rows of the bands, once per ledger. */
export async function ensureBands(query: Query, names: readonly Band[]): Promise<void> {
  await query`insert into bands (band) select unnest(${names}::text[]) on conflict do nothing`
}

export type RingMember = { accountId: string; band: Band }

/** Puts accounts on the rings of bands, and keeps them there until the transaction has ended. */
export async function joinRings(query: Query, members: readonly RingMember[]): Promise<void> {
  const unique = new Map(members.map((one) => [`${one.band} ${one.accountId}`, one]))
  const names = [...unique.values()].map((one) => one.band)
  const accountIds = [...unique.values()].map((one) => one.accountId)
  const wanted = query`unnest(${names}::text[], ${accountIds}::uuid[]) as wanted (band, account_id)`
  for (let held = 0; held < unique.size; ) {
    const [, rows] = await Promise.all([
      // In order, for two who make the same rows wait for one another.
      query`
        insert into band_accounts (band, account_id) select band, account_id from ${wanted} order by band, account_id
        on conflict do nothing`,
      // A row that is locked for sharing is not taken off the ring; one that was in the meantime is made again.
      query`select 1 from band_accounts ring join ${wanted} using (band, account_id) for key share of ring`,
    ])
    held = rows.length
  }
}

/**
 * Admits waiting tasks of one band to the engine, accounts in fair turns, as far as the window has room, and answers what
 * to deliver. Fair is start-time fair queueing (Goyal, Vin, Cheng 1996) with a cost of one per task: an account's next turn
 * follows its last one, but never lies before the turn that is being served. To be run in a transaction; the band's row
 * lock keeps other processes out. A window that is more than half full is left so, unless it is to be filled `whole`.
 */
export async function admitBand(
  query: Query,
  band: Band,
  types: readonly string[],
  { whole }: { whole: boolean } = { whole: false },
): Promise<AdmittedDelivery[]> {
  // Sent together; each sees what was committed when its own turn came, so the window is counted under the lock.
  const [[row], [window]] = await Promise.all([
    query<BandRow[]>`
      select turn, base, paused_at is not null as paused from bands where band = ${band} for no key update`,
    query<[WindowRow]>`
      select count(*)::int as waiting, min(turn) as turn from tasks
      where band = ${band} and runnable and admitted_at is not null and lease_expires_at is null`,
  ])
  if (!row || row.paused) return []
  const served = window.turn ?? row.turn
  const room = windowSize - window.waiting
  // Refilled in large steps, for each costs a transaction under the band's lock.
  const refill = whole || room >= windowSize / 2 ? Math.max(0, room) : 0
  const newcomers = Math.max(0, Math.min(overflowStep, overflowSize - window.waiting))
  const limit = refill > 0 ? refill : newcomers
  if (limit === 0) return []
  const admitted = await admitTurns(query, { band, types, served, limit, newcomersOnly: refill === 0 })
  if (admitted.length === 0) return []
  const last = Math.max(...admitted.map((one) => one.turn))
  if (last - row.base >= maxRank) {
    await rebase(query, band, served)
    return []
  }
  return admitted.map(({ turn, ...one }) => ({ ...one, band, rank: turn - row.base + 1 }))
}

type Admitted = { taskId: string; dispatch: number; turn: number; traceparent: string | null }
type Turns = { band: Band; types: readonly string[]; served: number; limit: number; newcomersOnly: boolean }

async function admitTurns(query: Query, { band, types, served, limit, newcomersOnly }: Turns): Promise<Admitted[]> {
  const admissible = query`
    band = ${band} and runnable and admitted_at is null and ready_at <= now() and lease_expires_at is null
    and type = any(${types}::text[])`
  return query<Admitted[]>`
    with ring as (
      select account_id, greatest(last_turn, ${served}) as turn, count(*) over () as accounts from (
        select account_id, last_turn from band_accounts cross join lateral (
          select 1 from tasks where account_id = band_accounts.account_id and ${admissible} limit 1
        ) as waits
        where band = ${band} and (not ${newcomersOnly} or last_turn < ${served})
        order by last_turn, account_id limit ${limit}
      ) as first
    ), waiting as (
      select ring.account_id, task.id, ring.turn + row_number() over (partition by ring.account_id order by queue_key, id)
        as turn
      from ring cross join lateral (
        select id, queue_key from tasks
        where account_id = ring.account_id and ${admissible}
        order by queue_key, id
        limit case when ${newcomersOnly} then 1 else ceil(2.0 * ${limit} / ring.accounts)::int end
      ) as task
    ), chosen as (
      select account_id, id, turn from waiting order by turn, account_id limit ${limit}
    ), moved as (
      update band_accounts set last_turn = latest.turn
      from (select account_id, max(turn) as turn from chosen group by account_id) as latest
      where band = ${band} and band_accounts.account_id = latest.account_id
    ), turned as (
      update bands set turn = greatest(bands.turn, latest.turn) from (select max(turn) as turn from chosen) as latest
      where band = ${band} and latest.turn is not null
    )
    update tasks set admitted_at = now(), turn = held.turn
    from (
      -- By id, one after the other: a join is planned by guesses, and has compared each that waits with each that is chosen.
      select task.id, chosen.turn from (select id, turn from chosen order by id) as chosen cross join lateral (
        select id from tasks
        where id = chosen.id and runnable and admitted_at is null and lease_expires_at is null for no key update
      ) as task
    ) as held
    where tasks.id = held.id
    returning tasks.id as task_id, tasks.dispatch, tasks.turn, tasks.traceparent`
}

/** Has everything that waits in the band's window delivered anew with small ranks. Comes once in a million tasks. */
async function rebase(query: Query, band: Band, served: number): Promise<void> {
  await query`update bands set base = ${served} where band = ${band}`
  await takeBack(query, band)
}

/** Takes back what was admitted to a band and is not claimed yet. */
export async function takeBack(query: Query, band: Band): Promise<void> {
  const rows = await query<{ accountId: string }[]>`
    update tasks set dispatch = dispatch + 1, admitted_at = null
    where id in (
      select id from tasks
      where band = ${band} and runnable and admitted_at is not null and lease_expires_at is null
      order by id for no key update
    )
    returning account_id`
  const members = rows.map(({ accountId }) => ({ accountId, band }))
  await joinRings(query, members)
}

/**
 * Takes accounts off the rings that have nothing waiting there any more. Answers how many. One whose last turn is still to
 * come is kept: it would be given those turns once more.
 */
export async function leaveRings(query: Query): Promise<number> {
  const isIdle = query`
    not exists (
      select 1 from tasks where band = ring.band and account_id = ring.account_id and runnable and admitted_at is null
    ) and last_turn <= coalesce(
      (select min(turn) from tasks
        where band = ring.band and runnable and admitted_at is not null and lease_expires_at is null),
      (select turn from bands where band = ring.band))`
  const idle = await query<RingMember[]>`
    select band, account_id from band_accounts ring where ${isIdle} limit 1000 for update skip locked`
  // Asked again now that nobody can join these any more: what was committed in between is seen by this statement only.
  const rows = await query`
    delete from band_accounts ring
    using unnest(${idle.map((one) => one.band)}::text[], ${idle.map((one) => one.accountId)}::uuid[])
      as idle (band, account_id)
    where ring.band = idle.band and ring.account_id = idle.account_id and ${isIdle}`
  return rows.count
}

/** Deliveries that nobody has claimed for `ageMs`: either they wait their turn, or the engine has lost them. */
export async function findUnclaimed(query: Query, ageMs: number, limit: number): Promise<Delivery[]> {
  return query<Delivery[]>`
    select id as task_id, dispatch, band, 0 as rank from tasks
    where band in ('high', 'normal', 'low') and runnable and admitted_at is not null and lease_expires_at is null
      and admitted_at < now() - ${ageMs} * interval '1 millisecond'
    order by band, turn limit ${limit}`
}

/**
 * A few of those, from the end of the order: they are the last to be claimed in the next moment, and were handed over last,
 * so they are the ones that an engine has lost if it has lost any.
 */
export async function sampleUnclaimed(query: Query, ageMs: number, limit: number): Promise<Delivery[]> {
  return query<Delivery[]>`
    select id as task_id, dispatch, band, 0 as rank from tasks
    where band in ('high', 'normal', 'low') and runnable and admitted_at is not null and lease_expires_at is null
      and admitted_at < now() - ${ageMs} * interval '1 millisecond'
    order by band desc, turn desc limit ${limit}`
}

/** Has deliveries that were lost admitted anew, unless they were claimed or raised meanwhile. Answers how many. */
export async function readmitLost(
  query: Query,
  lost: readonly Pick<Delivery, 'taskId' | 'dispatch'>[],
): Promise<number> {
  const rows = await query<RingMember[]>`
    update tasks set dispatch = tasks.dispatch + 1, admitted_at = null
    from (
      select task.id from (
        select * from unnest(${lost.map((one) => one.taskId)}::uuid[], ${lost.map((one) => one.dispatch)}::int[])
          as given (task_id, dispatch) order by task_id
      ) as delivery cross join lateral (
        select id from tasks where id = delivery.task_id and dispatch = delivery.dispatch and runnable and lease_expires_at is null
        for no key update skip locked
      ) as task
    ) as held
    where tasks.id = held.id
    returning account_id, band`
  await joinRings(query, rows)
  return rows.count
}

/** Takes every claim whose lease has run out away from its worker; what is to run is delivered again. Answers how many. */
export async function expireLeases(query: Query): Promise<number> {
  // By the index of leases, and mostly there are none. What others hold is skipped, so the order of locks is free.
  const late = await query<{ id: string }[]>`
    select id from tasks where lease_expires_at < now() order by lease_expires_at limit ${expiredAtOnce} for no key update skip locked`
  if (late.length === 0) return 0
  const rows = await query<RingMember[]>`
    update tasks set dispatch = dispatch + 1, admitted_at = null, lease_expires_at = null, claimed_by = null,
      status = case when status = 'InProgress' then idle_status else status end, updated_at = now()
    where id = any(${late.map((one) => one.id)}::uuid[])
    returning account_id, band`
  await joinRings(query, rows)
  return rows.count
}
