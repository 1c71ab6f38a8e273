import type { Query } from '../db/connect.ts'
import { findDependents, releaseDependents } from '../db/dependencies.ts'
import { appendEvent } from '../db/events.ts'
import { makeRunnable, stopTask } from '../db/tasks.ts'
import type { Registry, TaskFacts } from './define-job.ts'
import { forgetSecrets } from './secrets.ts'

export type Stop = { status: 'Cancelled' | 'Expired'; reason: string | null }

/** What is to be done once the transaction is kept. */
export type Afterwards = { stoppedIds: string[]; run: (() => Promise<void>)[] }

/**
 * Ends a task from outside, with its event, and cancels those that wait for it. Answers undefined when it has ended
 * already. The caller's transaction holds the task's row.
 */
export async function stopWithDependents(
  query: Query,
  registry: Registry,
  task: TaskFacts,
  stop: Stop,
): Promise<Afterwards | undefined> {
  const endedAt = await stopTask(query, { taskId: task.taskId, status: stop.status, errorMessage: stop.reason })
  if (!endedAt) return undefined
  const { taskId, name, type } = task
  const at = endedAt.toISOString()
  await appendEvent(
    query,
    stop.status === 'Cancelled'
      ? { taskId, type: 'task.cancelled', data: { taskId, name, type, cancelledAt: at, ...reasonOf(stop) } }
      : { taskId, type: 'task.expired', data: { taskId, name, type, expiredAt: at } },
  )
  await forgetSecrets(query, taskId)
  const others = await cancelDependents(query, registry, taskId, stop.status)
  // Last, for it may hold its account's usage, and nobody waits for a task with that in hand.
  const cleanUp = await registry.get(type)?.stopped(query, task)
  return { stoppedIds: [taskId, ...others.stoppedIds], run: [...(cleanUp ? [cleanUp] : []), ...others.run] }
}

function reasonOf({ reason }: Stop): { reason?: string } {
  return reason === null ? {} : { reason }
}

/** Cancels what waits for a task that will not complete, and what waits for that in turn. */
export async function cancelDependents(
  query: Query,
  registry: Registry,
  taskId: string,
  status: 'Failed' | 'Cancelled' | 'Expired',
): Promise<Afterwards> {
  const all: Afterwards = { stoppedIds: [], run: [] }
  for (const { id, ...facts } of await findDependents(query, taskId)) {
    const reason = `It waits for task ${taskId}, which is ${status}.`
    const stopped = await stopWithDependents(query, registry, { taskId: id, ...facts }, { status: 'Cancelled', reason })
    all.stoppedIds.push(...(stopped?.stoppedIds ?? []))
    all.run.push(...(stopped?.run ?? []))
  }
  return all
}

/** Sets those free that waited for these tasks and for nothing else. Answers whether any is to be admitted. */
export async function releaseWaiting(query: Query, completedIds: readonly string[]): Promise<boolean> {
  const free = await releaseDependents(query, completedIds)
  if (free.length > 0) await makeRunnable(query, free)
  return free.length > 0
}
