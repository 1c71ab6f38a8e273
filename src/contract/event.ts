import type { TaskStatus } from './task.ts'
import type { UploadProgress } from './upload.ts'

/** What a receiver of events sees: `socket.on(type, data)`. Durable events carry `seq`, their number within the task. */
export type EventData = {
  'upload.progress': UploadProgress
  'upload.completed': { taskId: string; fileId: string; fileName: string; fileSize: number; completedAt: string }
  'upload.failed': { taskId: string; fileName: string; fileSize: number; failedAt: string; errorMessage: string }
  'task.created': { taskId: string; name: string; type: string; createdAt: string }
  'task.started': { taskId: string; name: string; type: string; attempt: number; startedAt: string }
  'task.progress': {
    taskId: string
    name: string
    type: string
    progress: number
    status: TaskStatus
    statusMessage: string | null
    lastActivity: string
  }
  'task.completed': { taskId: string; name: string; type: string; completedAt: string; results: unknown }
  'task.failed': { taskId: string; name: string; type: string; failedAt: string; errorMessage: string }
  'task.cancelled': { taskId: string; name: string; type: string; cancelledAt: string; reason?: string }
  'task.paused': { taskId: string; name: string; type: string; pausedAt: string }
  'task.resumed': { taskId: string; name: string; type: string; resumedAt: string }
  'task.retried': {
    taskId: string
    name: string
    type: string
    retriedAt: string
    attempt: number
    errorMessage: string | null
  }
  'task.expired': { taskId: string; name: string; type: string; expiredAt: string }
}
export type EventType = keyof EventData

/** One event: its name and its data, which agree. */
export type TaskEvent = { [Type in EventType]: { type: Type; data: EventData[Type] } }[EventType]
