import { z } from 'zod'
import { count, flag, id, instant, optional, page, storableText } from './fields.ts'

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
const ref = z
  .string()
  .regex(/^[A-Za-z0-9_.-]{1,100}$/, 'must be 1 to 100 letters, digits, ".", "_" or "-"')
  .meta({ examples: ['first'] })

const taskFields = {
  type: z
    .string()
    .min(1)
    .max(100)
    .meta({ examples: ['FileCompress'] }),
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
  type: storableText(100).optional(),
  status: z.enum(taskStatuses).optional(),
  scheduleId: z.uuid().toLowerCase().optional(),
  sortBy: z
    .enum(['lastActivity', 'createdAt', 'updatedAt', 'priority', 'name', 'status', 'progress'])
    .default('lastActivity'),
  sortDescending: flag.default(true),
  ...page,
})

/** Body of `POST /api/tasks/{id}/retry`, which may be left out: the secrets that were erased. */
export const retryTaskRequest = z.strictObject({ parameters: z.record(z.string(), z.unknown()).default({}) })

/** Body of `POST /api/tasks/retry`: which of the account's failed or cancelled tasks to try again. */
export const retryTasksRequest = z.strictObject({
  type: optional(storableText(100)),
  status: z.enum(['Failed', 'Cancelled']).default('Failed'),
  limit: z.int().min(1).max(1000).default(1000),
})

/** The query of `GET /api/tasks/{id}/events`. */
export const taskEventsQuery = z.strictObject({
  after: z
    .string()
    .regex(/^\d{1,15}$/, 'must be the seq of an event, a whole number from 0')
    .transform((digits) => Math.min(Number(digits), 2 ** 31 - 1))
    .default(0),
})

/** A task as the API shows it. */
export const taskView = z
  .strictObject({
    taskId: id,
    accountId: id,
    type: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    status: z.enum(taskStatuses),
    statusMessage: z.string().nullable(),
    progress: z.number().min(0).max(100).describe('In percent.'),
    parameters: z.record(z.string(), z.unknown()),
    results: z.record(z.string(), z.unknown()).nullable(),
    errorCode: z.string().nullable(),
    errorMessage: z.string().nullable(),
    priority: z.int().min(0).max(100),
    attempts: count,
    estimatedDurationSeconds: count.nullable(),
    waitsFor: count.describe('How many tasks it still waits for.'),
    scheduleId: id.nullable().describe('The schedule that made it.'),
    scheduledFor: instant
      .nullable()
      .describe('The tick it stands for; a task that a schedule was told to run now has none.'),
    startedAt: instant.nullable(),
    completedAt: instant.nullable(),
    expiredAt: instant.nullable().describe('Its deadline.'),
    lastActivity: instant,
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: 'Task' })
export type TaskView = z.output<typeof taskView>

/** Answer of `POST /api/tasks/batch`, in the order of the request. */
export const createdBatch = z.strictObject({ tasks: z.array(taskView) })

const taskLink = taskView
  .pick({ taskId: true, type: true, name: true, status: true, progress: true })
  .meta({ id: 'TaskLink' })
export type TaskLink = z.output<typeof taskLink>

/** Answer of `GET /api/tasks/{id}/chain`. */
export const taskChain = z
  .strictObject({
    before: z.array(taskLink).describe('Up to 100 tasks that it waits for, or has waited for.'),
    after: z.array(taskLink).describe('Up to 100 tasks that wait for it, or have waited for it.'),
  })
  .meta({ id: 'TaskChain' })
export type TaskChain = z.output<typeof taskChain>

/** One event of a task's history. */
export const taskEventView = z
  .strictObject({
    seq: count.describe('Its number within the task.'),
    type: z.string(),
    data: z.record(z.string(), z.unknown()),
    createdAt: instant,
  })
  .meta({ id: 'TaskEvent' })
export type TaskEventView = z.output<typeof taskEventView>

/** One of `GET /api/tasks/types`. */
export const taskTypeView = z
  .strictObject({
    type: z.string(),
    title: z.string(),
    maxAttempts: count,
    parameters: z.record(z.string(), z.unknown()).describe('JSON Schema of its parameters.'),
    offers: z
      .record(z.string(), z.array(z.string()).readonly())
      .optional()
      .describe('What the live workers can do, by parameter, where that depends on what is installed.'),
  })
  .meta({ id: 'TaskType' })

/** Answer of `GET /api/tasks/stats`. */
export const taskStats = z
  .strictObject({
    total: count,
    byStatus: z.record(z.enum(taskStatuses), count),
    byType: z.record(z.string(), count),
  })
  .meta({ id: 'TaskStats' })
export type TaskStats = z.output<typeof taskStats>

/** Answer of `POST /api/tasks/retry`: how many began anew, and which could not. */
export const retriedTasks = z.strictObject({
  retried: count,
  refused: z.array(z.strictObject({ taskId: id, code: z.string() })),
})
export type RetriedTasks = z.output<typeof retriedTasks>
