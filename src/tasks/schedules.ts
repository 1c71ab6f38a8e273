import type { ChangeScheduleRequest, CreateScheduleRequest } from '../contract/schedule.ts'
import { type Query, transact } from '../db/connect.ts'
import {
  countSchedules,
  deleteSchedule,
  findSchedule,
  insertSchedule,
  ledgerTime,
  noteRun,
  type ScheduleFields,
  type ScheduleRow,
  updateSchedule,
  type WantedSchedule,
} from '../db/schedules.ts'
import type { Signals } from '../db/signals.ts'
import { insertTasks } from '../db/new-tasks.ts'
import { findTask, type TaskRow } from '../db/tasks.ts'
import { findOpenTasks } from '../db/ticks.ts'
import { AppError } from '../errors.ts'
import type { Tracing } from '../tracing/tracing.ts'
import type { Registry } from './define-job.ts'
import type { Dispatcher } from './dispatch.ts'
import { createdGone, earlierAnswer, type KeyedRequest, keepForRepetition } from './idempotency.ts'
import { newTaskId } from './ids.ts'
import { keptPermissions, type TaskCreator } from './permissions.ts'
import { type RoomDeps, takeRoom, withinRoom } from './room.ts'
import { getSchedule, scheduleNotFound } from './show-schedule.ts'
import { invalid, problemsIn, taskFrom, templateProblems } from './template.ts'
import { checkTiming, nextRun } from './timing.ts'

export type ScheduleDeps = RoomDeps & {
  signals: Pick<Signals, 'send'>
  registry: Registry
  dispatcher: Pick<Dispatcher, 'admit'>
  tracing: Pick<Tracing, 'traceparent'>
  scheduleLimits: { perAccount: number }
}

type Creation = { creator: TaskCreator; request: CreateScheduleRequest; keyed: KeyedRequest | undefined }

/**
 * Creates a schedule; its first tick lies ahead. A repetition with the same Idempotency-Key answers that of the first
 * time, as it is now. Throws VALIDATION_FAILED, SCHEDULE_LIMIT, IDEMPOTENCY_KEY_REUSED, CREATED_GONE.
 */
export async function createSchedule(deps: ScheduleDeps, creation: Creation): Promise<ScheduleRow> {
  const { sql, registry, scheduleLimits } = deps
  const { creator, request, keyed } = creation
  const { accountId } = creator
  const earlier = keyed && (await earlierSchedule(sql, keyed))
  if (earlier) return earlier
  const id = newTaskId()
  const permissions = await keptPermissions(sql, creator)
  const fields = { ...fieldsOf(request, registry, await ledgerTime(sql)), permissions }
  const written = await transact(sql, async (query) => {
    if (keyed && !(await keepForRepetition(query, keyed, id))) return false
    if ((await countSchedules(query, accountId)) >= scheduleLimits.perAccount) throw tooMany(scheduleLimits.perAccount)
    await insertSchedule(query, { id, accountId }, fields)
    return true
  })
  if (!written && keyed) return (await earlierSchedule(sql, keyed)) ?? createSchedule(deps, creation)
  return getSchedule(sql, { scheduleId: id, accountId })
}

/**
 * Changes what is given, and leaves the rest. When it ticks is counted anew if that was changed or it was enabled. Throws
 * SCHEDULE_NOT_FOUND, VALIDATION_FAILED.
 */
export async function changeSchedule(
  { sql, registry }: ScheduleDeps,
  wanted: WantedSchedule,
  changes: ChangeScheduleRequest,
  creator: TaskCreator,
): Promise<ScheduleRow> {
  return transact(sql, async (query) => {
    const current = await lock(query, wanted)
    const now = await ledgerTime(query)
    const next = changedTiming({ ...current, ...given(changes), ...templateOf(changes) }, changes)
    const isRetimed = timingKey(next) !== timingKey(current)
    if (isRetimed) next.anchorAt = next.startsAt ?? now
    refuseWhatIsWrong(next, changes.task === undefined ? undefined : registry, isRetimed, now)
    if (isRetimed) next.nextRunAt = next.enabled ? (nextRun(next, now) ?? null) : null
    if (changes.task) next.permissions = await keptPermissions(query, creator)
    await updateSchedule(query, current.id, next)
    return lock(query, wanted)
  })
}

/** Removes a schedule; the tasks it made stay. Throws SCHEDULE_NOT_FOUND. */
export async function removeSchedule({ sql }: ScheduleDeps, wanted: WantedSchedule): Promise<void> {
  if (!(await deleteSchedule(sql, wanted))) throw scheduleNotFound(wanted.scheduleId)
}

/**
 * Makes a task of a schedule now, whatever its ticks and also when it is disabled; its ticks go on as they were. A
 * repetition with the same Idempotency-Key answers the task of the first time. Throws SCHEDULE_NOT_FOUND, SCHEDULE_BUSY
 * when a task of it has not ended and `overlap` is `skip`, SCHEDULE_TEMPLATE_INVALID, TASK_LIMIT, IDEMPOTENCY_KEY_REUSED,
 * CREATED_GONE.
 */
export async function runSchedule(
  deps: ScheduleDeps,
  wanted: WantedSchedule,
  keyed: KeyedRequest | undefined,
): Promise<TaskRow> {
  const { sql, signals, dispatcher, registry } = deps
  const earlier = keyed && (await earlierRun(sql, keyed))
  const traceparent = deps.tracing.traceparent()
  if (earlier) return earlier
  const make = async (query: Query): Promise<TaskRow | undefined> => {
    const schedule = await lock(query, wanted)
    const { id: scheduleId, accountId, overlap } = schedule
    // Asked again under the lock: a repetition that was waiting for the first request must not find it busy.
    if (keyed && (await earlierAnswer(query, keyed)) !== undefined) return undefined
    const open = overlap === 'skip' ? (await findOpenTasks(query, [scheduleId])).get(scheduleId) : undefined
    if (open !== undefined) throw busy(scheduleId, open)
    const made = makeTask(schedule, registry, await ledgerTime(query))
    if (keyed && !(await keepForRepetition(query, keyed, made.id))) return undefined
    await insertTasks(query, [{ ...made, traceparent }])
    await noteRun(query, { id: scheduleId, taskId: made.id })
    await takeRoom(query, deps.taskLimits, [{ accountId, count: 1 }])
    return findTask(query, { taskId: made.id, accountId })
  }
  const task = await withinRoom(deps, () => transact(sql, make))
  if (!task) return (keyed && (await earlierRun(sql, keyed))) ?? runSchedule(deps, wanted, keyed)
  signals.send({ kind: 'events' })
  dispatcher.admit()
  return task
}

function fieldsOf(request: CreateScheduleRequest, registry: Registry, now: Date): ScheduleFields {
  const { type, ...template } = request.task
  const fields: ScheduleFields = {
    name: request.name ?? template.name ?? registry.get(type)?.title ?? type,
    cron: request.cron ?? null,
    timeZone: request.timeZone ?? (request.cron === undefined ? null : 'UTC'),
    intervalSeconds: request.intervalSeconds ?? null,
    anchorAt: request.startsAt ?? now,
    startsAt: request.startsAt ?? null,
    endsAt: request.endsAt ?? null,
    enabled: request.enabled,
    missed: request.missed,
    overlap: request.overlap,
    type,
    template,
    permissions: null,
    nextRunAt: null,
  }
  refuseWhatIsWrong(fields, registry, true, now)
  return { ...fields, nextRunAt: fields.enabled ? (nextRun(fields, now) ?? null) : null }
}

/** The template is checked where a registry is given; the timing where it matters. All that is wrong is said at once. */
function refuseWhatIsWrong(fields: ScheduleFields, registry: Registry | undefined, timed: boolean, now: Date): void {
  const errors = [
    ...(timed ? checkTiming(fields, now) : []),
    ...(registry ? templateProblems({ ...fields.template, type: fields.type }, registry) : []),
  ]
  if (errors.length > 0) throw invalid(errors)
}

type Plain = Pick<ScheduleFields, 'name' | 'startsAt' | 'endsAt' | 'enabled' | 'missed' | 'overlap'>

/** What a change gives, without what it leaves out. */
function given({ name, startsAt, endsAt, enabled, missed, overlap }: ChangeScheduleRequest): Partial<Plain> {
  return {
    ...(name === undefined ? {} : { name }),
    ...(startsAt === undefined ? {} : { startsAt }),
    ...(endsAt === undefined ? {} : { endsAt }),
    ...(enabled === undefined ? {} : { enabled }),
    ...(missed === undefined ? {} : { missed }),
    ...(overlap === undefined ? {} : { overlap }),
  }
}

function templateOf({ task }: ChangeScheduleRequest): Partial<Pick<ScheduleFields, 'type' | 'template'>> {
  if (!task) return {}
  const { type, ...template } = task
  return { type, template }
}

/** A cron expression takes the place of an interval, and the other way round; both at once is for the check to refuse. */
function changedTiming(
  fields: ScheduleFields,
  { cron, timeZone, intervalSeconds }: ChangeScheduleRequest,
): ScheduleFields {
  if (cron === undefined && intervalSeconds === undefined) return { ...fields, timeZone: timeZone ?? fields.timeZone }
  if (cron === undefined)
    return { ...fields, cron: null, timeZone: timeZone ?? null, intervalSeconds: intervalSeconds ?? null }
  return { ...fields, cron, timeZone: timeZone ?? fields.timeZone ?? 'UTC', intervalSeconds: intervalSeconds ?? null }
}

/** Equal when two tick at the same times. */
function timingKey({ cron, timeZone, intervalSeconds, startsAt, endsAt, enabled }: ScheduleFields): string {
  return JSON.stringify([cron, timeZone, intervalSeconds, startsAt, endsAt, enabled])
}

async function lock(query: Query, wanted: WantedSchedule): Promise<ScheduleRow> {
  const schedule = await findSchedule(query, wanted, { lock: true })
  if (!schedule) throw scheduleNotFound(wanted.scheduleId)
  return schedule
}

function makeTask(schedule: ScheduleRow, registry: Registry, now: Date) {
  const { id: scheduleId, accountId, permissions, template, type } = schedule
  try {
    return taskFrom({ ...template, type }, registry, { scheduleId, accountId, permissions, scheduledFor: null, now })
  } catch (error) {
    const errors = problemsIn(error)
    throw new AppError('SCHEDULE_TEMPLATE_INVALID', 'The schedule’s task does not fit its type any more; change it.', {
      details: { scheduleId, errors },
    })
  }
}

async function earlierSchedule(query: Query, keyed: KeyedRequest): Promise<ScheduleRow | undefined> {
  const scheduleId = await earlierAnswer(query, keyed)
  if (typeof scheduleId !== 'string') return undefined
  const found = await findSchedule(query, { scheduleId, accountId: keyed.accountId })
  if (!found) throw createdGone({ scheduleId })
  return found
}

async function earlierRun(query: Query, keyed: KeyedRequest): Promise<TaskRow | undefined> {
  const taskId = await earlierAnswer(query, keyed)
  if (typeof taskId !== 'string') return undefined
  const found = await findTask(query, { taskId, accountId: keyed.accountId })
  if (!found) throw createdGone({ taskIds: [taskId], goneTaskIds: [taskId] })
  return found
}

function tooMany(perAccount: number): AppError {
  return new AppError('SCHEDULE_LIMIT', `An account may have ${perAccount} schedules; delete one first.`, {
    details: { perAccount },
  })
}

function busy(scheduleId: string, taskId: string): AppError {
  return new AppError('SCHEDULE_BUSY', 'A task of this schedule has not ended, and its tasks must not overlap.', {
    details: { scheduleId, taskId },
  })
}
