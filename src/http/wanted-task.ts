import type { Request } from 'express'
import type { Identity } from '../auth/verify.ts'
import type { WantedTask } from '../db/tasks.ts'
import type { TaskCreator } from '../tasks/permissions.ts'
import { taskNotFound } from '../tasks/show.ts'
import { pathUuid } from './validate.ts'

/** The task that a path names, for its owner. Throws TASK_NOT_FOUND when it cannot be one. */
export function wantedTask(request: Request, caller: Identity): WantedTask {
  const taskId = pathUuid(request, 'taskId')
  if (taskId === undefined) throw taskNotFound(String(request.params['taskId']))
  return { taskId, accountId: caller.account }
}

/** Whoever calls, as tasks keep him. */
export function taskCreatorOf({ account: accountId, admin: isAdmin, permissions }: Identity): TaskCreator {
  return { accountId, isAdmin, permissions }
}
