import type { AdminFigures } from '../contract/admin.ts'
import type { EventData, EventType } from '../contract/event.ts'

/** An event as it comes live. Those that are kept carry `seq`, their number within the task; progress has none. */
export type LiveEvent =
  | { [Type in EventType]: { type: Type; room: string; seq: number | undefined; data: EventData[Type] } }[EventType]
  | { type: 'admin.figures'; room: string; seq: undefined; data: AdminFigures }

/** Of a room's connection: `waiting` is between two of them. */
export type RoomState = 'connecting' | 'live' | 'waiting' | 'closed'
