import type { TaskChain, TaskEventView, TaskStats, TaskStatus, TaskView } from '../contract/task.ts'
import { taskStatuses } from '../contract/task.ts'
import type { Query } from '../db/connect.ts'
import { findChain } from '../db/dependencies.ts'
import { listTaskEvents } from '../db/events.ts'
import { countTasks } from '../db/task-lists.ts'
import { findTask, type TaskRow, type WantedTask } from '../db/tasks.ts'
import { AppError } from '../errors.ts'

/** Throws TASK_NOT_FOUND, also for another account's task. */
export async function getTask(query: Query, wanted: WantedTask): Promise<TaskRow> {
  const task = await findTask(query, wanted)
  if (!task) throw taskNotFound(wanted.taskId)
  return task
}

/** A task's history after an event, oldest first, up to 1,000 events. Throws TASK_NOT_FOUND. */
export async function listEvents(query: Query, wanted: WantedTask, afterSeq: number): Promise<TaskEventView[]> {
  await getTask(query, wanted)
  const events = await listTaskEvents(query, wanted.taskId, afterSeq)
  return events.map((event) => ({ ...event, createdAt: event.createdAt.toISOString() }))
}

/** What a task waits for, and what waits for it. Throws TASK_NOT_FOUND. */
export async function showChain(query: Query, wanted: WantedTask): Promise<TaskChain> {
  await getTask(query, wanted)
  return findChain(query, wanted.taskId)
}

/** How many tasks an account has, by status and by type. */
export async function taskStats(query: Query, accountId: string): Promise<TaskStats> {
  const counts = await countTasks(query, accountId)
  const sum = (rows: typeof counts): number => rows.reduce((total, row) => total + row.count, 0)
  const ofStatus = (status: TaskStatus): number => sum(counts.filter((row) => row.status === status))
  const [pending, inProgress, paused, completed, failed, cancelled, expired] = taskStatuses.map(ofStatus)
  const types = new Set(counts.map((row) => row.type))
  return {
    total: sum(counts),
    byStatus: {
      Pending: pending ?? 0,
      InProgress: inProgress ?? 0,
      Paused: paused ?? 0,
      Completed: completed ?? 0,
      Failed: failed ?? 0,
      Cancelled: cancelled ?? 0,
      Expired: expired ?? 0,
    },
    byType: Object.fromEntries([...types].map((type) => [type, sum(counts.filter((row) => row.type === type))])),
  }
}

/** A task as the API shows it. */
export function presentTask(task: TaskRow): TaskView {
  return {
    taskId: task.id,
    accountId: task.accountId,
    type: task.type,
    name: task.name,
    description: task.description,
    status: task.status,
    statusMessage: task.statusMessage,
    progress: task.progress,
    parameters: task.parameters,
    results: task.results,
    errorCode: task.errorCode,
    errorMessage: task.errorMessage,
    priority: task.priority,
    attempts: task.attempts,
    estimatedDurationSeconds: task.estimatedDurationSeconds,
    waitsFor: task.waitsFor,
    scheduleId: task.scheduleId,
    scheduledFor: task.scheduledFor?.toISOString() ?? null,
    startedAt: task.startedAt?.toISOString() ?? null,
    completedAt: task.completedAt?.toISOString() ?? null,
    expiredAt: task.expiredAt?.toISOString() ?? null,
    lastActivity: task.lastActivity.toISOString(),
    createdAt: task.createdAt.toISOString(),
    updatedAt: task.updatedAt.toISOString(),
  }
}

export function taskNotFound(taskId: string): AppError {
  return new AppError('TASK_NOT_FOUND', 'There is no such task.', { details: { taskId } })
}
