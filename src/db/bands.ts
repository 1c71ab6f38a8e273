import type { Band } from '../contract/task.ts'
import { takeBack } from './admission.ts'
import type { Query } from './connect.ts'

export type BandRow = {
  band: Band
  pausedAt: Date | null
  /** Tasks that were handed to the engine and wait for a worker. */
  admitted: number
  running: number
  /** Since when the longest waiting of the admitted ones has been ready. */
  oldestAdmittedAt: Date | null
}

/** How every band stands, but for what waits in the ledger. However much that is, this reads what is under way alone. */
export async function listBands(query: Query): Promise<BandRow[]> {
  return query<BandRow[]>`
    select bands.band, paused_at, admitted, oldest_admitted_at,
      (select count(*)::int from tasks where band = bands.band and lease_expires_at is not null) as running
    from bands cross join lateral (
      select count(*)::int as admitted, min(ready_at) as oldest_admitted_at from tasks
      where band = bands.band and runnable and admitted_at is not null and lease_expires_at is null
    ) as handed_over
    order by array_position(array['high', 'normal', 'low'], band)`
}

/** Tasks of a type that wait in the ledger, and since when the longest waiting one has been ready. */
export type WaitingRow = { band: Band; type: string; waiting: number; oldestReadyAt: Date | null }

/** Counts what waits. Reads one entry of the index tasks_waiting for each, and of the table what was written lately. */
export async function countWaiting(query: Query): Promise<WaitingRow[]> {
  return query<WaitingRow[]>`
    select band, type, count(*)::int as waiting, min(ready_at) filter (where ready_at <= now()) as oldest_ready_at
    from tasks where runnable and admitted_at is null group by band, type`
}

/** How many tasks of a band wait in the ledger, and for how long the oldest has that waits there or for a worker. */
export function queueOf(
  { band, oldestAdmittedAt }: BandRow,
  waiting: readonly WaitingRow[],
): { waiting: number; oldestWaitSeconds: number } {
  const own = waiting.filter((row) => row.band === band)
  const moments = [oldestAdmittedAt, ...own.map((row) => row.oldestReadyAt)].filter((at) => at !== null)
  const oldestMs = Math.min(...moments.map((at) => at.getTime()))
  return {
    waiting: own.reduce((sum, row) => sum + row.waiting, 0),
    oldestWaitSeconds: moments.length === 0 ? 0 : Math.max(0, (Date.now() - oldestMs) / 1000),
  }
}

export type BandMinute = {
  band: Band
  minute: Date
  started: number
  completed: number
  failed: number
  /** How long the one that began in it had been ready that had been it longest. */
  longestWaitSeconds: number
}

/** What happened in the bands in the last hour, minute by minute; minutes in which nothing did are left out. */
export async function listBandMinutes(query: Query): Promise<BandMinute[]> {
  return query<BandMinute[]>`
    select band, minute, started, completed, failed, longest_wait_seconds from band_minutes where minute > now() - interval '1 hour'
    order by minute`
}

export type BandCount = Omit<BandMinute, 'minute'>

/** Adds to the current minute's figures, and forgets those of yesterday. */
export async function addBandCounts(query: Query, counts: readonly BandCount[]): Promise<void> {
  await query`
    insert into band_minutes (band, minute, started, completed, failed, longest_wait_seconds)
    select band, date_trunc('minute', now()), started, completed, failed, waited
    from unnest(${counts.map((one) => one.band)}::text[], ${counts.map((one) => one.started)}::int[],
      ${counts.map((one) => one.completed)}::int[], ${counts.map((one) => one.failed)}::int[],
      ${counts.map((one) => one.longestWaitSeconds)}::float8[])
      as added (band, started, completed, failed, waited)
    order by band
    on conflict (band, minute) do update set started = band_minutes.started + excluded.started,
      completed = band_minutes.completed + excluded.completed, failed = band_minutes.failed + excluded.failed,
      longest_wait_seconds = greatest(band_minutes.longest_wait_seconds, excluded.longest_wait_seconds)`
  await query`delete from band_minutes where minute < now() - interval '1 day'`
}

/** Stops a band: nothing more is admitted, and what was admitted but not claimed is taken back. */
export async function pauseBand(query: Query, band: Band): Promise<void> {
  await query`update bands set paused_at = coalesce(paused_at, now()) where band = ${band}`
  await takeBack(query, band)
}

export async function resumeBand(query: Query, band: Band): Promise<void> {
  await query`update bands set paused_at = null where band = ${band}`
}

export type RunningTask = {
  workerId: string
  taskId: string
  type: string
  name: string
  accountId: string
  epoch: number
}

/** What every worker is at. */
export async function listRunning(query: Query): Promise<RunningTask[]> {
  return query<RunningTask[]>`
    select claimed_by as worker_id, id as task_id, type, name, account_id, epoch from tasks
    where lease_expires_at is not null and claimed_by is not null order by last_activity limit 1000`
}
