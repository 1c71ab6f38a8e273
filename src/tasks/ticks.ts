import { type Query, type Sql, transact } from '../db/connect.ts'
import type { Signals } from '../db/signals.ts'
import { insertTasks, type NewTask } from '../db/new-tasks.ts'
import {
  type DueSchedule,
  findMadeTicks,
  findOpenTasks,
  noteTicks,
  noteUnserved,
  takeDue,
  type TickOutcome,
} from '../db/ticks.ts'
import { listServedTypes } from '../db/workers.ts'
import type { Log } from '../log.ts'
import type { Registry } from './define-job.ts'
import type { Dispatcher } from './dispatch.ts'
import { submittable } from './plan.ts'
import { type RoomDeps, takeRoom, TaskLimitReached, withinRoom } from './room.ts'
import { problemsIn, taskFrom } from './template.ts'
import { latestDue, nextRun } from './timing.ts'

export type TickDeps = RoomDeps & {
  signals: Pick<Signals, 'send'>
  registry: Registry
  dispatcher: Pick<Dispatcher, 'admit'>
  log: Log
}

/** A tick that no process could make for so long was missed. */
const missedAfterMs = 60_000
/** So long the ledger may lack a worker that is only started anew. */
const unservedAfterMs = 15_000
const batch = 100

type Settled = { outcome: TickOutcome; task?: NewTask }

/**
 * Makes the tasks of all ticks that are due: one task for a schedule at most, also where it has several ticks to catch up.
 * Safe when several processes do it at once: a schedule's row is held while its task is written, and both are kept with
 * the time of its next tick, or nothing is. Answers how many tasks were made.
 */
export async function sweepSchedules(deps: TickDeps): Promise<number> {
  const { sql, signals, registry, dispatcher } = deps
  let total = 0
  for (let taken = batch; taken === batch; ) {
    const settled = await settleBatch(deps)
    taken = settled.length
    const made = settled.filter((one) => one.outcome.kind === 'made').length
    total += made
    if (made === 0) continue
    signals.send({ kind: 'events' })
    dispatcher.admit()
  }
  await tellUnserved(sql, registry)
  return total
}

/** One batch. Schedules whose accounts have no room for another task say so. */
async function settleBatch(deps: TickDeps): Promise<Settled[]> {
  const room = new Map<string, number>()
  for (;;) {
    try {
      return await withinRoom(deps, () => transact(deps.sql, (query) => settleDue(query, deps, room)))
    } catch (error) {
      if (!(error instanceof TaskLimitReached)) throw error
      for (const { accountId, open } of error.full) {
        // Whoever was counted before and has less now is not counted for ever.
        room.set(accountId, room.has(accountId) ? 0 : Math.max(0, deps.taskLimits.openPerAccount - open))
      }
    }
  }
}

async function settleDue(
  query: Query,
  { registry, taskLimits, log }: TickDeps,
  room: ReadonlyMap<string, number>,
): Promise<Settled[]> {
  const due = await takeDue(query, submittable(registry), batch)
  if (due.length === 0) return []
  const cautious = due.filter((one) => one.overlap === 'skip').map((one) => one.id)
  const open = cautious.length === 0 ? new Map<string, string>() : await findOpenTasks(query, cautious)
  const rest = new Map(room)
  const planned = due.map((schedule) => {
    const settled = settle(schedule, open.has(schedule.id), registry, log)
    const left = rest.get(schedule.accountId)
    if (!settled.task || left === undefined) return settled
    rest.set(schedule.accountId, left - 1)
    return left > 0 ? settled : withoutRoom(settled)
  })
  const made = await findMadeTicks(
    query,
    planned.flatMap((one) => (one.task ? [one.outcome] : [])),
  )
  const settled = planned.map((one) => (one.task && made.has(one.outcome.scheduleId) ? madeBefore(one) : one))
  const tasks = settled.flatMap((one) => one.task ?? [])
  if (tasks.length > 0) await insertTasks(query, tasks)
  await noteTicks(
    query,
    settled.map((one) => one.outcome),
  )
  const counts = new Map<string, number>()
  for (const { accountId } of tasks) counts.set(accountId, (counts.get(accountId) ?? 0) + 1)
  const more = [...counts].map(([accountId, count]) => ({ accountId, count }))
  await takeRoom(query, taskLimits, more)
  return settled
}

function withoutRoom({ outcome: { scheduleId, tick, nextRunAt } }: Settled): Settled {
  const message = 'The account has as many tasks that have not ended as it may have.'
  return { outcome: { kind: 'failed', code: 'TASK_LIMIT', message, scheduleId, tick, nextRunAt } }
}

function madeBefore({ outcome: { scheduleId, tick, nextRunAt } }: Settled): Settled {
  return { outcome: { kind: 'again', scheduleId, tick, nextRunAt } }
}

/** Decides about one schedule that is due. Never throws: what is wrong with one must not hold up the others. */
function settle(schedule: DueSchedule, isBusy: boolean, registry: Registry, log: Log): Settled {
  const { id: scheduleId, accountId, permissions, now } = schedule
  let when = { scheduleId, tick: schedule.nextRunAt, nextRunAt: null as Date | null }
  try {
    when = { scheduleId, tick: latestDue(schedule, when.tick, now), nextRunAt: nextRun(schedule, now) ?? null }
    const isMissed = now.getTime() - when.tick.getTime() > missedAfterMs
    if (isMissed && schedule.missed === 'skip') return { outcome: { kind: 'skipped', reason: 'missed', ...when } }
    if (isBusy) return { outcome: { kind: 'skipped', reason: 'overlap', ...when } }
    const template = { ...schedule.template, type: schedule.type }
    const task = taskFrom(template, registry, { scheduleId, accountId, permissions, scheduledFor: when.tick, now })
    return { outcome: { kind: 'made', taskId: task.id, ...when }, task }
  } catch (error) {
    const message = whatIsWrong(error)
    if (message === undefined) log.error({ err: error, scheduleId }, 'a schedule could not tick')
    return {
      outcome: {
        kind: 'failed',
        code: message === undefined ? 'INTERNAL' : 'SCHEDULE_TEMPLATE_INVALID',
        message: message ?? 'The schedule failed for a reason inside the server; its log tells more.',
        ...when,
      },
    }
  }
}

/** In words for its owner, why a template makes no task; undefined for what is not its fault. */
function whatIsWrong(error: unknown): string | undefined {
  try {
    return problemsIn(error)
      .map(({ field, message }) => `${field}: ${message}`)
      .join('; ')
  } catch {
    return undefined
  }
}

/** A type that no live worker knows makes nothing; its schedules say so, and their ticks stay due. */
async function tellUnserved(sql: Sql, registry: Registry): Promise<void> {
  const served = [...new Set([...submittable(registry), ...(await listServedTypes(sql))])]
  await noteUnserved(sql, {
    served,
    ageMs: unservedAfterMs,
    code: 'TASK_TYPE_UNKNOWN',
    message: 'No worker that is running knows the task type.',
  })
}
