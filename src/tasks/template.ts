import { z } from 'zod'
import type { TaskTemplate } from '../contract/schedule.ts'
import type { NewTask } from '../db/new-tasks.ts'
import { AppError } from '../errors.ts'
import type { Registry } from './define-job.ts'
import { type FieldError, newTaskOf, planTasks } from './plan.ts'

const problems = z.array(z.object({ field: z.string(), message: z.string() }))

type Occasion = {
  scheduleId: string
  accountId: string
  permissions: string[] | null
  scheduledFor: Date | null
  now: Date
}

/**
 * A task as a schedule's template wants it, not written yet. Throws VALIDATION_FAILED with every field, from `task.` on,
 * that does not fit its type.
 */
export function taskFrom(template: TaskTemplate, registry: Registry, occasion: Occasion): NewTask {
  const { deadlineSeconds, ...fields } = template
  const { scheduleId, accountId, permissions, scheduledFor, now } = occasion
  const expiredAt = deadlineSeconds === undefined ? undefined : new Date(now.getTime() + deadlineSeconds * 1000)
  const planned = planTasks([{ ...fields, after: [], expiredAt }], registry, () => 'task.')
  const [task] = planned
  if (!task || task.after.length > 0) {
    throw invalid([{ field: 'task.parameters', message: 'must not refer to the results of another task' }])
  }
  const secrets = Object.keys(task.secret).map((name) => `task.parameters.${name}`)
  if (secrets.length > 0) throw invalid(secrets.map((field) => ({ field, message: 'cannot be kept by a schedule' })))
  if (task.job.needsAdmin(task.parameters)) {
    throw invalid([{ field: 'task.parameters', message: 'are for administrators, and cannot be scheduled' }])
  }
  return { ...newTaskOf(task, accountId), permissions, scheduleId, scheduledFor }
}

/** What is wrong with a template, field by field. */
export function templateProblems(template: TaskTemplate, registry: Registry): FieldError[] {
  try {
    taskFrom(template, registry, {
      scheduleId: '',
      accountId: '',
      permissions: null,
      scheduledFor: null,
      now: new Date(),
    })
    return []
  } catch (error) {
    return problemsIn(error)
  }
}

/** The fields that a VALIDATION_FAILED names; any other error is thrown again. */
export function problemsIn(error: unknown): FieldError[] {
  if (!(error instanceof AppError) || error.code !== 'VALIDATION_FAILED') throw error
  return problems.parse(error.details['errors'])
}

export function invalid(errors: FieldError[]): AppError {
  return new AppError('VALIDATION_FAILED', 'The request is not valid.', { details: { errors } })
}
