import { jsonb, type Query } from './connect.ts'
import type { ScheduleRow } from './schedules.ts'

export type DueSchedule = ScheduleRow & { nextRunAt: Date; now: Date }

/**
 * Takes schedules of these task types whose tick is due, the longest due first, each for one process alone until its
 * transaction ends. `now` is the ledger's time.
 */
export async function takeDue(query: Query, types: readonly string[], limit: number): Promise<DueSchedule[]> {
  return query<DueSchedule[]>`
    select *, now() as now from schedules
    where next_run_at <= now() and type = any(${types}::text[])
    order by next_run_at limit ${limit} for update skip locked`
}

/** Of these schedules those of which a task has not ended, with that task. */
export async function findOpenTasks(query: Query, scheduleIds: readonly string[]): Promise<Map<string, string>> {
  const rows = await query<{ scheduleId: string; id: string }[]>`
    select distinct on (schedule_id) schedule_id, id from tasks
    where schedule_id = any(${scheduleIds}::uuid[]) and status in ('Pending', 'InProgress', 'Paused')
    order by schedule_id, id`
  return new Map(rows.map((row) => [row.scheduleId, row.id]))
}

export type Tick = { scheduleId: string; tick: Date }

/** Of these ticks those that have a task already: the ledger's clock was set back, or somebody moved `next_run_at`. */
export async function findMadeTicks(query: Query, ticks: readonly Tick[]): Promise<Set<string>> {
  const rows = await query<{ scheduleId: string }[]>`
    select schedule_id from tasks
      join unnest(${ticks.map((one) => one.scheduleId)}::uuid[], ${ticks.map((one) => one.tick.toISOString())}::timestamptz[])
        as made (made_by, tick) on schedule_id = made_by and scheduled_for = tick`
  return new Set(rows.map((row) => row.scheduleId))
}

/** What a tick came to. */
export type TickOutcome = Tick & { nextRunAt: Date | null } & (
    | { kind: 'made'; taskId: string }
    | { kind: 'skipped'; reason: 'missed' | 'overlap' }
    | { kind: 'failed'; code: string; message: string }
    | { kind: 'again' }
  )

/** Writes what ticks came to and when the next ones are due. The caller holds the rows. */
export async function noteTicks(query: Query, outcomes: readonly TickOutcome[]): Promise<void> {
  const rows = outcomes.map((one) => ({
    id: one.scheduleId,
    kind: one.kind,
    next_run_at: one.nextRunAt?.toISOString() ?? null,
    tick: one.tick.toISOString(),
    task_id: one.kind === 'made' ? one.taskId : null,
    reason: one.kind === 'skipped' ? one.reason : null,
    code: one.kind === 'failed' ? one.code : null,
    message: one.kind === 'failed' ? one.message : null,
  }))
  await query`
    update schedules set next_run_at = done.next_run_at,
      last_run_at = case when kind = 'made' then now() else last_run_at end,
      last_task_id = coalesce(task_id, last_task_id),
      last_error_code = case when kind in ('made', 'failed') then code else last_error_code end,
      last_error_message = case when kind in ('made', 'failed') then message else last_error_message end,
      last_error_at = case kind when 'made' then null when 'failed' then now() else last_error_at end,
      last_skip_reason = coalesce(reason, last_skip_reason),
      last_skip_tick = case when kind = 'skipped' then tick else last_skip_tick end
    from jsonb_to_recordset(${jsonb(query, rows)}) as done (id uuid, kind text, next_run_at timestamptz, tick timestamptz,
      task_id uuid, reason text, code text, message text)
    where schedules.id = done.id`
}

/**
 * Notes with schedules that have been due for `ageMs` that no live worker knows their type. Their ticks stay due, so they
 * go on as soon as such a worker comes. Answers how many were found so for the first time.
 */
export async function noteUnserved(
  query: Query,
  { served, ageMs, code, message }: { served: readonly string[]; ageMs: number; code: string; message: string },
): Promise<number> {
  const rows = await query`
    update schedules set last_error_code = ${code}, last_error_message = ${message}, last_error_at = now()
    where id in (
      select id from schedules
      where next_run_at <= now() - ${ageMs} * interval '1 millisecond' and type <> all(${served}::text[])
        and last_error_code is distinct from ${code}
      order by id limit 1000 for update skip locked
    )`
  return rows.count
}
