import { z } from 'zod'
import { optional, storableText } from './fields.ts'

export const taskStatuses = ['Pending', 'InProgress', 'Paused', 'Completed', 'Failed', 'Cancelled', 'Expired'] as const
export type TaskStatus = (typeof taskStatuses)[number]

export const bands = ['high', 'normal', 'low'] as const
export type Band = (typeof bands)[number]

/** The queue of a priority (0–100, higher first): high from 67, normal from 34, low below. */
export function bandOf(priority: number): Band {
  if (priority >= 67) return 'high'
  return priority >= 34 ? 'normal' : 'low'
}

const priority = z.int().min(0).max(100)
/** An item of a batch goes by this name within the batch. */
const ref = z.string().regex(/^[A-Za-z0-9_.-]{1,100}$/, 'must be 1 to 100 letters, digits, ".", "_" or "-"')

const taskFields = {
  type: z.string().min(1).max(100),
  name: optional(storableText(200)),
  description: optional(storableText(2000)),
  parameters: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((value) => value ?? {}),
  priority: optional(priority),
  estimatedDurationSeconds: optional(z.int().min(0)),
  /** The task's deadline: what has not ended by then expires. */
  expiredAt: optional(
    z.iso
      .datetime({ offset: true })
      .transform((text) => new Date(text))
      .refine((moment) => moment.getTime() > Date.now(), 'must lie in the future'),
  ),
  /** What must be completed first: ids of the account's tasks; in a batch also the `ref` of other items. */
  after: z
    .array(z.string().min(1).max(100))
    .max(100)
    .nullish()
    .transform((value) => value ?? []),
}

/** Body of `POST /api/tasks`. */
export const createTaskRequest = z.strictObject(taskFields)
export type CreateTaskRequest = z.output<typeof createTaskRequest> & { ref?: string | undefined }

/** Body of `POST /api/tasks/batch`: all or nothing. */
export const createBatchRequest = z.strictObject({
  tasks: z
    .array(z.strictObject({ ...taskFields, ref: optional(ref) }))
    .min(1)
    .max(1000),
})

/** Body of `PATCH /api/tasks/{id}`. */
export const changeTaskRequest = z.strictObject({ priority })

/** The query of `GET /api/tasks`. */
export const listTasksQuery = z.strictObject({
  type: z.string().max(100).optional(),
  status: z.enum(taskStatuses).optional(),
  scheduleId: z.uuid().toLowerCase().optional(),
  sortBy: z
    .enum(['lastActivity', 'createdAt', 'updatedAt', 'priority', 'name', 'status', 'progress'])
    .default('lastActivity'),
  sortDescending: z.stringbool({ truthy: ['true'], falsy: ['false'] }).default(true),
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** Body of `POST /api/tasks/{id}/retry`, which may be left out: the secrets that were erased. */
export const retryTaskRequest = z.strictObject({ parameters: z.record(z.string(), z.unknown()).default({}) })

/** Body of `POST /api/tasks/retry`: which of the account's failed or cancelled tasks to try again. */
export const retryTasksRequest = z.strictObject({
  type: optional(z.string().max(100)),
  status: z.enum(['Failed', 'Cancelled']).default('Failed'),
  limit: z.int().min(1).max(1000).default(1000),
})

/** A task as the API shows it. Times in ISO 8601, `progress` from 0 to 100. */
export type TaskView = {
  taskId: string
  accountId: string
  type: string
  name: string
  description: string | null
  status: TaskStatus
  statusMessage: string | null
  progress: number
  parameters: Record<string, unknown>
  results: Record<string, unknown> | null
  errorCode: string | null
  errorMessage: string | null
  priority: number
  attempts: number
  estimatedDurationSeconds: number | null
  /** How many tasks it still waits for. */
  waitsFor: number
  /** The schedule that made it, and the tick it stands for; a task that a schedule was told to run now has no tick. */
  scheduleId: string | null
  scheduledFor: string | null
  startedAt: string | null
  completedAt: string | null
  expiredAt: string | null
  lastActivity: string
  createdAt: string
  updatedAt: string
}

/** One event of a task's history. */
export type TaskEventView = { seq: number; type: string; data: Record<string, unknown>; createdAt: string }
