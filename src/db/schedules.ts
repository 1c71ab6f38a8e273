import type { TaskTemplate } from '../contract/schedule.ts'
import { jsonb, type Query } from './connect.ts'

export type StoredTemplate = Omit<TaskTemplate, 'type'>

/** What its owner says about a schedule. */
export type ScheduleFields = {
  name: string
  cron: string | null
  timeZone: string | null
  intervalSeconds: number | null
  anchorAt: Date
  startsAt: Date | null
  endsAt: Date | null
  enabled: boolean
  missed: 'skip' | 'runOnce'
  overlap: 'allow' | 'skip'
  type: string
  template: StoredTemplate
  /** Of whoever wrote the template, as tasks keep them. */
  permissions: string[] | null
  nextRunAt: Date | null
}

export type ScheduleRow = ScheduleFields & {
  id: string
  accountId: string
  lastRunAt: Date | null
  lastTaskId: string | null
  lastErrorCode: string | null
  lastErrorMessage: string | null
  lastErrorAt: Date | null
  lastSkipReason: 'missed' | 'overlap' | null
  lastSkipTick: Date | null
  createdAt: Date
  updatedAt: Date
}

const columns = (query: Query) => query`
  id, account_id, name, cron, time_zone, interval_seconds, anchor_at, starts_at, ends_at, enabled, missed, overlap, type,
  template, permissions, next_run_at, last_run_at, last_task_id, last_error_code, last_error_message, last_error_at, last_skip_reason,
  last_skip_tick, created_at, updated_at`

/** The ledger's time at this statement. */
export async function ledgerTime(query: Query): Promise<Date> {
  const [row] = await query<[{ now: Date }]>`select clock_timestamp() as now`
  return row.now
}

/** How many schedules an account has. Nobody else adds one to it before the transaction has ended. */
export async function countSchedules(query: Query, accountId: string): Promise<number> {
  await query`select pg_advisory_xact_lock(hashtextextended(${`schedules of ${accountId}`}, 0))`
  const [row] = await query<[{ count: number }]>`
    select count(*)::int as count from schedules where account_id = ${accountId}`
  return row.count
}

export async function insertSchedule(
  query: Query,
  { id, accountId }: { id: string; accountId: string },
  fields: ScheduleFields,
): Promise<void> {
  await query`
    insert into schedules (id, account_id, name, cron, time_zone, interval_seconds, anchor_at, starts_at, ends_at, enabled,
      missed, overlap, type, template, permissions, next_run_at)
    values (${id}, ${accountId}, ${fields.name}, ${fields.cron}, ${fields.timeZone}, ${fields.intervalSeconds},
      ${fields.anchorAt}, ${fields.startsAt}, ${fields.endsAt}, ${fields.enabled}, ${fields.missed}, ${fields.overlap},
      ${fields.type}, ${jsonb(query, fields.template)}, ${fields.permissions}, ${fields.nextRunAt})`
}

/** Changes a schedule. What its last tick came to is forgotten where it was an error: it may be mended now. */
export async function updateSchedule(query: Query, id: string, fields: ScheduleFields): Promise<void> {
  await query`
    update schedules set name = ${fields.name}, cron = ${fields.cron}, time_zone = ${fields.timeZone},
      interval_seconds = ${fields.intervalSeconds}, anchor_at = ${fields.anchorAt}, starts_at = ${fields.startsAt},
      ends_at = ${fields.endsAt}, enabled = ${fields.enabled}, missed = ${fields.missed}, overlap = ${fields.overlap},
      type = ${fields.type}, template = ${jsonb(query, fields.template)}, permissions = ${fields.permissions},
      next_run_at = ${fields.nextRunAt},
      last_error_code = null, last_error_message = null, last_error_at = null, updated_at = now()
    where id = ${id}`
}

export type WantedSchedule = { scheduleId: string; accountId: string }

/** An account's schedule. `lock` holds its row until the transaction ends, so that it does not tick meanwhile. */
export async function findSchedule(
  query: Query,
  { scheduleId, accountId }: WantedSchedule,
  options: { lock: boolean } = { lock: false },
): Promise<ScheduleRow | undefined> {
  const [row] = await query<ScheduleRow[]>`
    select ${columns(query)} from schedules where id = ${scheduleId} and account_id = ${accountId}
    ${options.lock ? query`for update` : query``}`
  return row
}

/** Removes an account's schedule; its tasks stay. False when there is none. */
export async function deleteSchedule(query: Query, { scheduleId, accountId }: WantedSchedule): Promise<boolean> {
  const rows = await query`delete from schedules where id = ${scheduleId} and account_id = ${accountId}`
  return rows.count === 1
}

const sortColumns = {
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  name: 'name',
  nextRunAt: 'next_run_at',
  lastRunAt: 'last_run_at',
} as const

export type ScheduleFilter = {
  accountId: string
  type?: string | undefined
  enabled?: boolean | undefined
  sortBy: keyof typeof sortColumns
  sortDescending: boolean
  offset: number
  limit: number
}

/** A page of an account's schedules, and how many match in all. What has no such time comes last. */
export async function listSchedules(
  query: Query,
  filter: ScheduleFilter,
): Promise<{ schedules: ScheduleRow[]; total: number }> {
  const matching = query`
    account_id = ${filter.accountId} ${filter.type === undefined ? query`` : query`and type = ${filter.type}`}
    ${filter.enabled === undefined ? query`` : query`and enabled = ${filter.enabled}`}`
  const direction = filter.sortDescending ? query`desc` : query`asc`
  const sorted = query.unsafe(sortColumns[filter.sortBy])
  const schedules = await query<ScheduleRow[]>`
    select ${columns(query)} from schedules where ${matching}
    order by ${sorted} ${direction} nulls last, id ${direction} limit ${filter.limit} offset ${filter.offset}`
  const [counted] = await query<[{ total: number }]>`select count(*)::int as total from schedules where ${matching}`
  return { schedules, total: counted.total }
}

/** Notes that a schedule was run by hand. */
export async function noteRun(query: Query, { id, taskId }: { id: string; taskId: string }): Promise<void> {
  await query`
    update schedules set last_run_at = clock_timestamp(), last_task_id = ${taskId}, last_error_code = null,
      last_error_message = null, last_error_at = null
    where id = ${id}`
}
