import { z } from 'zod'
import { count, id, instant } from './fields.ts'
import { taskStatuses } from './task.ts'
import { uploadProgress } from './upload.ts'

const upload = { taskId: id, fileName: z.string(), fileSize: count }
const task = { taskId: id, name: z.string(), type: z.string() }

/** What a receiver of events sees: `socket.on(type, data)`. Durable events carry `seq`, their number within the task. */
export const eventData = {
  'upload.progress': uploadProgress,
  'upload.completed': z.strictObject({ ...upload, fileId: id, completedAt: instant }),
  'upload.failed': z.strictObject({ ...upload, failedAt: instant, errorMessage: z.string() }),
  'task.created': z.strictObject({ ...task, createdAt: instant }),
  'task.started': z.strictObject({ ...task, attempt: count, startedAt: instant }),
  'task.progress': z.strictObject({
    ...task,
    progress: z.number().min(0).max(100),
    status: z.enum(taskStatuses),
    statusMessage: z.string().nullable(),
    lastActivity: instant,
  }),
  'task.completed': z.strictObject({ ...task, completedAt: instant, results: z.unknown() }),
  'task.failed': z.strictObject({ ...task, failedAt: instant, errorMessage: z.string() }),
  'task.cancelled': z.strictObject({ ...task, cancelledAt: instant, reason: z.string().exactOptional() }),
  'task.paused': z.strictObject({ ...task, pausedAt: instant }),
  'task.resumed': z.strictObject({ ...task, resumedAt: instant }),
  'task.retried': z.strictObject({
    ...task,
    retriedAt: instant,
    attempt: count,
    errorMessage: z.string().nullable(),
  }),
  'task.expired': z.strictObject({ ...task, expiredAt: instant }),
}
export type EventData = { [Type in keyof typeof eventData]: z.output<(typeof eventData)[Type]> }
export type EventType = keyof EventData

/** One event: its name and its data, which agree. */
export type TaskEvent = { [Type in EventType]: { type: Type; data: EventData[Type] } }[EventType]
