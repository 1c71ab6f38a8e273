import type { RetriedTasks } from '../contract/task.ts'
import { listTasks } from '../db/task-lists.ts'
import { AppError } from '../errors.ts'
import { type ControlDeps, retry } from './control.ts'
import type { RoomDeps } from './room.ts'

export type RetryFilter = { type?: string | undefined; status: 'Failed' | 'Cancelled'; limit: number }

/** Retries an account's tasks by filter, the latest first. Answers how many began anew and which could not. */
export async function retryAll(
  deps: ControlDeps & RoomDeps,
  accountId: string,
  { type, status, limit }: RetryFilter,
): Promise<RetriedTasks> {
  const sorting = { sortBy: 'lastActivity', sortDescending: true, offset: 0 } as const
  const { tasks } = await listTasks(deps.sql, { accountId, type, status, limit, ...sorting })
  let retried = 0
  const refused: RetriedTasks['refused'] = []
  for (const { id: taskId } of tasks) {
    try {
      await retry(deps, { taskId, accountId })
      retried++
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      refused.push({ taskId, code: error.code })
    }
  }
  return { retried, refused }
}
