import type { Sealer } from '../auth/seal.ts'
import { bandOf, type CreateTaskRequest } from '../contract/task.ts'
import { type Query, type Sql, transact } from '../db/connect.ts'
import { insertDependencies, lockAwaited } from '../db/dependencies.ts'
import type { Signals } from '../db/signals.ts'
import { findTasks } from '../db/task-lists.ts'
import { insertTasks } from '../db/new-tasks.ts'
import { type TaskRow } from '../db/tasks.ts'
import { AppError } from '../errors.ts'
import { inLedger, type Tracing } from '../tracing/tracing.ts'
import type { Registry } from './define-job.ts'
import type { Dispatcher } from './dispatch.ts'
import { createdGone, earlierAnswer, type KeyedRequest, keepForRepetition } from './idempotency.ts'
import { findUnoffered } from './offers.ts'
import { keptPermissions, type TaskCreator } from './permissions.ts'
import { type FieldError, newTaskOf, type PlannedTask, planTasks, priorityOf } from './plan.ts'
import { takeRoom, type TaskLimits, withinRoom } from './room.ts'
import { keepSecrets } from './secrets.ts'

export type SubmitDeps = {
  sql: Sql
  signals: Pick<Signals, 'send'>
  registry: Registry
  sealer: Sealer | undefined
  dispatcher: Pick<Dispatcher, 'admit'>
  taskLimits: TaskLimits
  tracing: Pick<Tracing, 'span' | 'traceparent'>
}

export type Submission = TaskCreator & {
  requests: readonly CreateTaskRequest[]
  /** Given when a repetition of the request is to answer the same tasks. */
  keyed: KeyedRequest | undefined
  /** Where a request stands in the body, for errors: `tasks.3.`. */
  path: (index: number) => string
}

/**
 * Creates tasks, all or none, and answers them in order. A repetition with the same Idempotency-Key answers those of the
 * first time, as they are now. Throws VALIDATION_FAILED, FORBIDDEN, DEPENDENCY_ENDED, SECRETS_UNAVAILABLE,
 * IDEMPOTENCY_KEY_REUSED, CREATED_GONE, TASK_LIMIT.
 */
export async function submitTasks(deps: SubmitDeps, submission: Submission): Promise<TaskRow[]> {
  const { sql, signals, dispatcher, tracing } = deps
  const { accountId, keyed } = submission
  const earlier = keyed && (await earlierTasks(sql, keyed))
  if (earlier) return earlier
  const planned = planTasks(submission.requests, deps.registry, submission.path)
  if (!submission.isAdmin) refuseWhatNeedsAdmin(planned)
  refuse(await findUnoffered(sql, planned, submission.path))
  const permissions = await keptPermissions(sql, submission)
  const traceparent = tracing.traceparent()
  const writing = { accountId, permissions, planned, keyed, path: submission.path, traceparent }
  const commit = async (query: Query): Promise<TaskRow[] | undefined> => {
    const tasks = await write(query, writing)
    if (!tasks) return undefined
    for (const { id, secret } of planned) await keepSecrets(query, deps.sealer, id, secret)
    await takeRoom(query, deps.taskLimits, [{ accountId, count: tasks.length }])
    return tasks
  }
  const written = await tracing.span(inLedger('commit tasks', { 'longshore.tasks': planned.length }), () =>
    withinRoom(deps, () => transact(sql, commit)),
  )
  if (!written) return (keyed && (await earlierTasks(sql, keyed))) ?? submitTasks(deps, submission)
  signals.send({ kind: 'events' })
  dispatcher.admit(planned.map((task) => bandOf(priorityOf(task))))
  return written
}

function refuseWhatNeedsAdmin(planned: readonly PlannedTask[]): void {
  const refused = planned.find(({ job, parameters }) => job.needsAdmin(parameters))
  if (!refused) return
  throw new AppError('FORBIDDEN', `Only an administrator may create such a ${refused.job.type} task.`)
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length === 0) return
  throw new AppError('VALIDATION_FAILED', 'The request is not valid.', { details: { errors } })
}

async function earlierTasks(query: Query, keyed: KeyedRequest): Promise<TaskRow[] | undefined> {
  const answer = await earlierAnswer(query, keyed)
  if (answer === undefined) return undefined
  const taskIds = Array.isArray(answer) ? answer.map(String) : []
  const tasks = await findTasks(query, keyed.accountId, taskIds)
  const found = new Set(tasks.map((task) => task.id))
  const goneTaskIds = taskIds.filter((id) => !found.has(id))
  if (goneTaskIds.length > 0) throw createdGone({ taskIds, goneTaskIds })
  return tasks
}

type Writing = Pick<Submission, 'accountId' | 'keyed' | 'path'> & {
  permissions: string[] | null
  planned: readonly PlannedTask[]
  traceparent: string | undefined
}

/** Writes tasks with what they wait for. Undefined when another request with the key was first. */
async function write(
  query: Query,
  { accountId, permissions, planned, keyed, path, traceparent }: Writing,
): Promise<TaskRow[] | undefined> {
  const ids = planned.map((task) => task.id)
  if (keyed && !(await keepForRepetition(query, keyed, ids))) return undefined
  const open = await openDependencies(query, accountId, planned, path)
  const inside = new Set(ids)
  const tasks = await insertTasks(
    query,
    planned.map((task) => ({
      ...newTaskOf(task, accountId),
      permissions,
      traceparent,
      waitsFor: task.after.filter((id) => inside.has(id) || open.has(id)).length,
    })),
  )
  const dependencies = planned.flatMap((task) => task.after.map((dependsOn) => ({ taskId: task.id, dependsOn })))
  if (dependencies.length > 0) await insertDependencies(query, dependencies)
  return tasks
}

/** Those tasks outside of the request that must be waited for still. Throws when one is missing or cannot complete. */
async function openDependencies(
  query: Query,
  accountId: string,
  planned: readonly PlannedTask[],
  path: (index: number) => string,
): Promise<Set<string>> {
  const inside = new Set(planned.map((task) => task.id))
  const outside = [...new Set(planned.flatMap((task) => task.after))].filter((id) => !inside.has(id))
  if (outside.length === 0) return new Set()
  const found = new Map((await lockAwaited(query, accountId, outside)).map((task) => [task.id, task.status]))
  const errors = planned.flatMap((task, index) =>
    task.after
      .filter((id) => !inside.has(id) && !found.has(id))
      .map((id) => ({ field: `${path(index)}after`, message: `names no task: ${id}` })),
  )
  refuse(errors)
  for (const [taskId, status] of found) {
    if (status !== 'Failed' && status !== 'Cancelled' && status !== 'Expired') continue
    throw new AppError('DEPENDENCY_ENDED', `Task ${taskId} cannot be waited for: it is ${status}.`, {
      details: { taskId, status },
    })
  }
  return new Set([...found].filter(([, status]) => status !== 'Completed').map(([id]) => id))
}
