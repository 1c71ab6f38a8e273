import { type Band, bandOf, type TaskStatus } from '../contract/task.ts'
import { joinRings, type RingMember } from './admission.ts'
import { jsonb, type Query } from './connect.ts'

/** A point of priority is worth a minute of waiting, within an account and band. */
const priorityWorthMs = 60_000

/** `queue_key` of a task that becomes ready `delayMs` from now. */
export const queueKey = (query: Query, priority: ReturnType<Query>) =>
  query`(extract(epoch from now()) * 1000)::bigint - ${priority} * ${priorityWorthMs}::bigint`

/** Says that a worker is wanted: raises `dispatch`, so that jobs of earlier dispatches do nothing. Admission follows. With `traceparent` it is part of that trace. */
export async function makeRunnable(query: Query, taskIds: readonly string[], traceparent?: string): Promise<void> {
  const rows = await query<RingMember[]>`
    update tasks set runnable = true, dispatch = dispatch + 1, admitted_at = null, ready_at = now(),
      queue_key = ${queueKey(query, query`priority`)}, traceparent = coalesce(${traceparent ?? null}, traceparent), last_activity = now(), updated_at = now()
    where id in (select id from tasks where id = any(${taskIds}::uuid[]) order by id for no key update)
    returning account_id, band`
  await joinRings(query, rows)
}

export type TaskRow = {
  id: string
  accountId: string
  type: string
  name: string
  description: string | null
  status: TaskStatus
  idleStatus: 'Pending' | 'InProgress'
  statusMessage: string | null
  progress: number
  parameters: Record<string, unknown>
  hasSecrets: boolean
  results: Record<string, unknown> | null
  errorCode: string | null
  errorMessage: string | null
  priority: number
  band: Band
  estimatedDurationSeconds: number | null
  attempts: number
  waitsFor: number
  isAwaited: boolean
  lastSeq: number
  scheduleId: string | null
  scheduledFor: Date | null
  startedAt: Date | null
  completedAt: Date | null
  expiredAt: Date | null
  lastActivity: Date
  createdAt: Date
  updatedAt: Date
}

/** What a TaskRow is read from. */
export const taskColumns = (query: Query) => query`
  id, account_id, type, name, description, status, idle_status, status_message, progress, parameters, has_secrets, results, error_code,
  error_message, priority, band, estimated_duration_seconds, attempts, waits_for, is_awaited, last_seq, schedule_id,
  scheduled_for, started_at, completed_at, expired_at, last_activity, created_at, updated_at`

export type WantedTask = { taskId: string; accountId: string }

/** An account's task. `lock` holds its row until the transaction ends. */
export async function findTask(
  query: Query,
  { taskId, accountId }: WantedTask,
  options: { lock: boolean } = { lock: false },
): Promise<TaskRow | undefined> {
  const [row] = await query<TaskRow[]>`
    select ${taskColumns(query)} from tasks where id = ${taskId} and account_id = ${accountId}
    ${options.lock ? query`for no key update` : query``}`
  return row
}

/** Pauses a task that has not ended. Whoever holds it keeps its claim until it lets go. */
export async function pauseTask(query: Query, taskId: string): Promise<Date | undefined> {
  const [row] = await query<{ at: Date }[]>`
    update tasks set status = 'Paused', runnable = false, last_activity = now(), updated_at = now()
    where id = ${taskId} and status in ('Pending', 'InProgress') returning now() as at`
  return row?.at
}

/** Takes a paused task up again. Delivered at once, or when its former claim is released. */
export async function resumeTask(
  query: Query,
  taskId: string,
  options: { runnable: boolean; traceparent: string | undefined },
): Promise<Date | undefined> {
  const [row] = await query<{ at: Date }[]>`
    update tasks set status = idle_status, last_activity = now(), updated_at = now()
    where id = ${taskId} and status = 'Paused' returning now() as at`
  if (row && options.runnable) await makeRunnable(query, [taskId], options.traceparent)
  return row?.at
}

/** Ends a task from outside, whoever holds it. Answers when, or undefined when it has ended already. */
export async function stopTask(
  query: Query,
  stop: { taskId: string; status: 'Cancelled' | 'Expired'; errorMessage: string | null },
): Promise<Date | undefined> {
  const [row] = await query<{ completedAt: Date }[]>`
    update tasks set status = ${stop.status}, runnable = false, error_message = ${stop.errorMessage},
      completed_at = now(), last_activity = now(), updated_at = now()
    where id = ${stop.taskId} and status in ('Pending', 'InProgress', 'Paused')
    returning completed_at`
  return row?.completedAt
}

/** Completes a task that wants no worker, from outside. Undefined when it is not in progress, or somebody runs it. */
export async function completeUnclaimed(
  query: Query,
  { taskId, results }: { taskId: string; results: Record<string, unknown> },
): Promise<{ endedAt: Date; isAwaited: boolean } | undefined> {
  const [row] = await query<{ endedAt: Date; isAwaited: boolean }[]>`
    update tasks set status = 'Completed', progress = 100, results = ${jsonb(query, results)}, completed_at = now(),
      last_activity = now(), updated_at = now()
    where id = ${taskId} and status = 'InProgress' and not runnable and lease_expires_at is null
    returning completed_at as ended_at, is_awaited`
  return row
}

/** Puts a task that failed or was cancelled back to its beginning; its checkpoint is kept. */
export async function retryTask(query: Query, taskId: string): Promise<Date | undefined> {
  const [row] = await query<{ at: Date }[]>`
    update tasks set status = 'Pending', attempts = 0, progress = 0, error_code = null, error_message = null, completed_at = null,
      expired_at = case when expired_at < now() then null else expired_at end, last_activity = now(), updated_at = now()
    where id = ${taskId} and status in ('Failed', 'Cancelled') returning now() as at`
  return row?.at
}

/**
 * Changes the priority of a task that nobody runs; it is delivered anew where it belongs now. It keeps its age, and what
 * backs off stays held back as long as it was.
 */
export async function changePriority(query: Query, taskId: string, priority: number): Promise<boolean> {
  const [row] = await query<(RingMember & { runnable: boolean })[]>`
    update tasks set priority = ${priority}, band = ${bandOf(priority)},
      queue_key = (extract(epoch from ready_at) * 1000)::bigint - ${priority}::int * ${priorityWorthMs}::bigint,
      dispatch = dispatch + case when runnable then 1 else 0 end,
      admitted_at = case when runnable then null else admitted_at end, updated_at = now()
    where id = ${taskId} and lease_expires_at is null and status in ('Pending', 'Paused')
    returning account_id, band, runnable`
  if (row?.runnable) await joinRings(query, [row])
  return row !== undefined
}

/** Removes a task that has ended, with its events. False when it has not ended. */
export async function deleteTask(query: Query, taskId: string): Promise<boolean> {
  const rows = await query`
    delete from tasks where id = ${taskId} and status in ('Completed', 'Failed', 'Cancelled', 'Expired')`
  return rows.count === 1
}

/**
 * Removes tasks that ended longer ago than `ageMs`, but no upload whose staging is still there and nothing that another
 * task still waits for or takes results from. Answers how many.
 */
export async function deleteOldTasks(query: Query, ageMs: number, limit: number): Promise<number> {
  const rows = await query`
    delete from tasks where id in (
      select id from tasks where completed_at < now() - ${ageMs} * interval '1 millisecond'
        and status in ('Completed', 'Failed', 'Cancelled', 'Expired')
        and not exists (select 1 from uploads where task_id = tasks.id and sink_open)
        and not exists (
          select 1 from task_dependencies d join tasks waiting on waiting.id = d.task_id
          where d.depends_on = tasks.id and waiting.status in ('Pending', 'InProgress', 'Paused')
        )
      order by completed_at limit ${limit} for update skip locked
    )`
  return rows.count
}

/** Tasks whose deadline has passed. */
export async function findOverdue(query: Query, limit: number): Promise<WantedTask[]> {
  return query<WantedTask[]>`
    select id as task_id, account_id from tasks
    where expired_at < now() and status in ('Pending', 'InProgress', 'Paused') order by expired_at limit ${limit}`
}
