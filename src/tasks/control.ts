import type { Sealer } from '../auth/seal.ts'
import { type Query, type Sql, transact } from '../db/connect.ts'
import { recountDependencies } from '../db/dependencies.ts'
import { appendEvent } from '../db/events.ts'
import type { Signals } from '../db/signals.ts'
import {
  changePriority,
  deleteTask,
  findTask,
  makeRunnable,
  pauseTask,
  resumeTask,
  retryTask,
  type TaskRow,
  type WantedTask,
} from '../db/tasks.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { inLedger, type Tracing } from '../tracing/tracing.ts'
import type { Registry } from './define-job.ts'
import type { Dispatcher } from './dispatch.ts'
import { type Afterwards, cancelDependents, type Stop, stopWithDependents } from './end.ts'
import { type RoomDeps, takeRoom, withinRoom } from './room.ts'
import { renewSecrets } from './secrets.ts'
import { taskNotFound } from './show.ts'

export type ControlDeps = {
  sql: Sql
  signals: Pick<Signals, 'send'>
  registry: Registry
  sealer: Sealer | undefined
  dispatcher: Pick<Dispatcher, 'admit'>
  tracing: Pick<Tracing, 'span' | 'traceparent'>
  log: Log
}

/** Pauses a waiting or running task. Throws TASK_NOT_FOUND, TASK_STATE. Pausing what is paused changes nothing. */
export async function pause(deps: ControlDeps, wanted: WantedTask): Promise<TaskRow> {
  return change(deps, wanted, async (query, task) => {
    if (task.status === 'Paused') return
    const at = await pauseTask(query, task.id)
    if (!at) throw wrongState(task, 'be paused')
    await tell(query, task, 'task.paused', { pausedAt: at.toISOString() })
  })
}

/** Takes a paused task up again, from its checkpoint. Throws TASK_NOT_FOUND, TASK_STATE. */
export async function resume(deps: ControlDeps, wanted: WantedTask): Promise<TaskRow> {
  const traceparent = deps.tracing.traceparent()
  return change(deps, wanted, async (query, task) => {
    const wantsWorker = (await deps.registry.get(task.type)?.wantsWorker(query, factsOf(task))) ?? true
    const runnable = wantsWorker && task.waitsFor === 0
    const at = await resumeTask(query, task.id, { runnable, traceparent })
    if (!at) throw wrongState(task, 'be resumed')
    await tell(query, task, 'task.resumed', { resumedAt: at.toISOString() })
  })
}

/** Cancels a task that has not ended, and what waits for it. Doing it again changes nothing. Throws as above. */
export async function cancel(deps: ControlDeps, wanted: WantedTask): Promise<TaskRow> {
  return stop(deps, wanted, { status: 'Cancelled', reason: null })
}

/** Expires a task whose time is over; one that has ended meanwhile is left as it is. */
export async function expire(deps: ControlDeps, wanted: WantedTask, reason: string): Promise<TaskRow> {
  return stop(deps, wanted, { status: 'Expired', reason })
}

async function stop(deps: ControlDeps, wanted: WantedTask, how: Stop): Promise<TaskRow> {
  let others: Afterwards = { stoppedIds: [], run: [] }
  const task = await change(deps, wanted, async (query, found) => {
    const afterwards = await stopWithDependents(query, deps.registry, factsOf(found), how)
    if (!afterwards && found.status !== how.status && how.status === 'Cancelled')
      throw wrongState(found, 'be cancelled')
    others = afterwards ?? others
  })
  await conclude(deps, others)
  return task
}

/**
 * Begins a task anew that failed or was cancelled. `brought` are its secrets, needed when they were erased. Throws
 * TASK_NOT_FOUND, TASK_STATE, SECRET_REQUIRED, TASK_LIMIT, and what its type has against it.
 */
export async function retry(
  deps: ControlDeps & RoomDeps,
  wanted: WantedTask,
  brought: Record<string, unknown> = {},
): Promise<TaskRow> {
  const traceparent = deps.tracing.traceparent()
  const beginAnew = async (query: Query, task: TaskRow): Promise<void> => {
    if (task.status !== 'Failed' && task.status !== 'Cancelled') throw wrongState(task, 'be retried')
    const job = deps.registry.get(task.type)
    await job?.retried(query, factsOf(task))
    if (job) await renewSecrets(query, deps.sealer, task, { job, brought })
    const at = await retryTask(query, task.id)
    if (!at) throw wrongState(task, 'be retried')
    await tell(query, task, 'task.retried', {
      retriedAt: at.toISOString(),
      attempt: 1,
      errorMessage: task.errorMessage,
    })
    if ((await recountDependencies(query, task.id)) === 0) await makeRunnable(query, [task.id], traceparent)
    await takeRoom(query, deps.taskLimits, [{ accountId: task.accountId, count: 1 }])
  }
  return withinRoom(deps, () => change(deps, wanted, beginAnew))
}

/** Gives a task that nobody runs another priority. Throws TASK_NOT_FOUND, TASK_STATE. */
export async function reprioritise(deps: ControlDeps, wanted: WantedTask, priority: number): Promise<TaskRow> {
  return change(deps, wanted, async (query, task) => {
    if (!(await changePriority(query, task.id, priority))) throw wrongState(task, 'get another priority')
  })
}

/** Removes a task that has ended; what still waits for it will wait in vain and is cancelled. Throws as above. */
export async function remove(deps: ControlDeps, wanted: WantedTask): Promise<void> {
  const others = await transact(deps.sql, async (query) => {
    const task = await lock(query, wanted)
    const { id, status } = task
    const isBroken = status === 'Failed' || status === 'Cancelled' || status === 'Expired'
    const afterwards = isBroken ? await cancelDependents(query, deps.registry, id, status) : undefined
    if (!(await deleteTask(query, id))) throw wrongState(task, 'be deleted')
    return afterwards
  })
  if (others) await conclude(deps, others)
}

async function conclude({ signals }: ControlDeps, { stoppedIds, run }: Afterwards): Promise<void> {
  if (stoppedIds.length > 0) signals.send({ kind: 'events' })
  for (const taskId of stoppedIds) signals.send({ kind: 'task', taskId })
  for (const step of run) await step()
}

/** One change of one task: its row is locked, and whoever has to know is told after the commit. */
async function change(
  { sql, signals, dispatcher, tracing }: ControlDeps,
  wanted: WantedTask,
  work: (query: Query, task: TaskRow) => Promise<void>,
): Promise<TaskRow> {
  const task = await tracing.span(inLedger('commit change'), () =>
    transact(sql, async (query) => {
      await work(query, await lock(query, wanted))
      return lock(query, wanted)
    }),
  )
  signals.send({ kind: 'events' })
  signals.send({ kind: 'task', taskId: task.id })
  dispatcher.admit()
  return task
}

async function lock(query: Query, wanted: WantedTask): Promise<TaskRow> {
  const task = await findTask(query, wanted, { lock: true })
  if (!task) throw taskNotFound(wanted.taskId)
  return task
}

function factsOf(task: TaskRow) {
  return { taskId: task.id, accountId: task.accountId, name: task.name, type: task.type }
}

function tell(
  query: Query,
  { id: taskId, name, type }: TaskRow,
  event: 'task.paused' | 'task.resumed' | 'task.retried',
  data: Record<string, unknown>,
): Promise<boolean> {
  return appendEvent(query, { taskId, type: event, data: { taskId, name, type, ...data } })
}

function wrongState(task: TaskRow, what: string): AppError {
  return new AppError('TASK_STATE', `The task cannot ${what}: it is ${task.status}.`, {
    details: { taskId: task.id, status: task.status },
  })
}
