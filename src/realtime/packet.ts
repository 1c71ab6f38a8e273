import type { NoticeData } from '../contract/realtime.ts'
import type { FeedEvent } from '../db/event-feed.ts'

/** One thing to tell a client: an event, progress, or a notice of the server's own. Doors keep what they encode it to. */
export type Packet = {
  readonly type: string
  readonly data: object
  /** With a durable event: the cursor to ask with after it. */
  readonly after?: string
}

export function notice<Type extends keyof NoticeData>(type: Type, data: NoticeData[Type]): Packet {
  return { type, data }
}

/** An event as clients see it: the data the ledger has, and its number within the task. */
export function eventPacket({ type, data, seq }: Pick<FeedEvent, 'type' | 'data' | 'seq'>, after?: string): Packet {
  const { lastProgress: _, ...shown } = data
  return { type, data: { ...shown, seq }, ...(after === undefined ? {} : { after }) }
}

/**
 * The last progress of a task that is complete, told before its end, so that whoever lost some sees it whole all the same.
 * Undefined for any other event.
 */
export function lastProgressOf({ type, data }: Pick<FeedEvent, 'type' | 'data'>): Packet | undefined {
  const { lastProgress } = data
  if (typeof lastProgress === 'object' && lastProgress !== null) return { type: 'upload.progress', data: lastProgress }
  if (type !== 'task.completed') return undefined
  const { taskId, name, type: taskType, completedAt } = data
  const facts = { taskId, name, type: taskType, progress: 100, status: 'Completed', statusMessage: null }
  return { type: 'task.progress', data: { ...facts, lastActivity: completedAt } }
}
