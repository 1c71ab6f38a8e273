import { z } from 'zod'
import type { AdminFigures } from './admin.ts'
import { optional } from './fields.ts'
import type { TaskStatus, TaskView } from './task.ts'

/** A cursor is some 100 characters; with many transactions in progress it is longer. */
const after = z.string().max(8192)
const room = z.string().max(100)

/** What `subscribe` takes. Without `after` the client begins now. */
export const subscribeRequest = z.strictObject({
  room,
  after: optional(after),
  /** False leaves the snapshot out where it is not needed. */
  snapshot: z.boolean().default(true),
})
export type SubscribeRequest = z.output<typeof subscribeRequest>

export const unsubscribeRequest = z.strictObject({ room })

/** A connection can be told its rooms as it is made; without them it gets its account's. */
export const initialRooms = z.array(subscribeRequest.extend({ snapshot: z.boolean().default(false) })).max(100)

/** What a client of `/ws` sends; `id` comes back with the answer. `token` and `rooms` belong to `auth`. */
export const clientPacket = z.object({
  type: z.string().max(100),
  id: optional(z.union([z.string().max(100), z.number()])),
  token: optional(z.string()),
  rooms: z.unknown().optional(),
  data: z.unknown().optional(),
})
export type ClientPacket = z.output<typeof clientPacket>

/** A task in a list of what a room shows. */
export type TaskSummary = {
  taskId: string
  type: string
  name: string
  status: TaskStatus
  statusMessage: string | null
  progress: number
  priority: number
  createdAt: string
  startedAt: string | null
  lastActivity: string
}

/** How a room stands. `open` counts its tasks that have not ended; `tasks` are up to 200 of them, the liveliest first. */
export type RoomSnapshot =
  | { kind: 'task'; task: TaskView }
  | { kind: 'account'; open: number; tasks: TaskSummary[] }
  | { kind: 'pool'; pool: { id: string; name: string; kind: string }; open: number; tasks: TaskSummary[] }
  | { kind: 'admin'; figures: AdminFigures }

/**
 * The answer to `subscribe`. `replay`: `none` when nothing was asked for, `complete` when every missed event follows, and
 * `reset` when they cannot be told any more, because the cursor is another ledger's or too old: the snapshot has to do.
 * `after` is the cursor to ask with as long as no event has followed; null for `admin`, which has no events.
 */
export type Subscribed = {
  ok: true
  room: string
  replay: 'none' | 'complete' | 'reset'
  reason?: 'foreign' | 'too-old'
  after: string | null
  snapshot: RoomSnapshot | null
}

/** What the server says about a connection itself, beside the events. */
export type NoticeData = {
  /** Rooms that a connection was given as it was made. */
  subscribed: Subscribed
  /** The client may not watch the room any more. */
  unsubscribed: { room: string; code: string; message: string; status: number; details: Record<string, unknown> }
  /** The client was too slow and has left the room: it can subscribe again with `after`, and misses nothing. */
  missed: { room: string; after: string | null }
  /** Why the server ends the connection. */
  closing: { code: string; message: string; status: number; details: Record<string, unknown> }
  'admin.figures': AdminFigures
}
