import { z } from 'zod'
import type { TaskEvent } from '../contract/event.ts'
import { taskStatuses } from '../contract/task.ts'

/** What a task did so far, as its watchers see it. */
type ProgressEvent = Extract<TaskEvent, { type: 'upload.progress' | 'task.progress' }>

/**
 * `events`: there are new rows in `task_events`. `task`: something about this task changed, so its waiter or its worker
 * should look. `progress`: a task went on; `counter` rises within the claim `epoch`, so that a receiver can tell an
 * older message. `pools`: a pool was made, changed or taken away.
 */
export type Signal = z.output<typeof signal>

const everyProgress = {
  taskId: z.string(),
  progress: z.number(),
  status: z.enum(taskStatuses),
  lastActivity: z.string(),
}
const uploadProgress = z.object({
  ...everyProgress,
  fileName: z.string(),
  fileSize: z.number(),
  chunksUploaded: z.number(),
  chunksTotal: z.number(),
})
const taskProgress = z.object({
  ...everyProgress,
  name: z.string(),
  type: z.string(),
  statusMessage: z.string().nullable(),
})
const progressEvent: z.ZodType<ProgressEvent> = z.discriminatedUnion('type', [
  z.object({ type: z.literal('upload.progress'), data: uploadProgress }),
  z.object({ type: z.literal('task.progress'), data: taskProgress }),
])
const claimed = { taskId: z.string(), epoch: z.int(), counter: z.int() }
export const signal = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('events') }),
  z.object({ kind: z.literal('pools') }),
  z.object({ kind: z.literal('task'), taskId: z.string() }),
  z.object({
    kind: z.literal('progress'),
    accountId: z.string(),
    /** The pools that the task has to do with. */
    poolIds: z.array(z.string()).default([]),
    ...claimed,
    event: progressEvent,
  }),
])
