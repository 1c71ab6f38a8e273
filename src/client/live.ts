import type { RoomSnapshot } from '../contract/realtime.ts'
import type { Api } from './api.ts'
import type { LongshoreError } from './errors.ts'
import type { LiveEvent, RoomState } from './live-event.ts'
import { LiveRoom } from './live-room.ts'
import type { Platform } from './platform.ts'

export type LiveSnapshot = {
  room: string
  snapshot: RoomSnapshot
  /** True when events may have been missed since the last snapshot, and this one has to make up for them. */
  isReset: boolean
}

export type LiveOptions = {
  /** `account` (the token's own, and the default), `account:{id}`, `task:{id}`, `pool:{id}`, `admin`. */
  rooms?: readonly string[] | undefined
  /** Told every event: those that are kept once and in the order of their task, whatever breaks in between. */
  onEvent?: ((event: LiveEvent) => void) | undefined
  /** Told how a room stands when it is entered, and again should events have been lost for good. */
  onSnapshot?: ((snapshot: LiveSnapshot) => void) | undefined
  /** Told when a room's connection comes and goes. */
  onState?: ((room: string, state: RoomState) => void) | undefined
  /** Told why a room was given up: it may not be watched, or the token does not count any more. */
  onError?: ((room: string, error: LongshoreError) => void) | undefined
}

/** What is watched. Each room has a connection of its own, because each has its own place in the events. */
export type Live = {
  /** Enters one more room. */
  enter: (room: string) => void
  leave: (room: string) => void
  close: () => void
}

/** Of so many tasks it is remembered which event came last. */
const tasksRemembered = 20_000

/** Watches rooms until it is closed. It connects again by itself, and goes on where it was. */
export function openLive(api: Api, platform: Platform, options: LiveOptions): Live {
  const rooms = new Map<string, LiveRoom>()
  const isNew = createSieve()
  const enter = (name: string): void => {
    if (rooms.has(name)) return
    const room = new LiveRoom(api, platform, name, {
      onEvent: (event) => {
        if (isNew(event)) options.onEvent?.(event)
      },
      onSnapshot: (snapshot, isReset) => options.onSnapshot?.({ room: name, snapshot, isReset }),
      onState: (state) => options.onState?.(name, state),
      onError: (error) => {
        rooms.delete(name)
        options.onError?.(name, error)
      },
    })
    rooms.set(name, room)
  }
  for (const name of options.rooms ?? ['account']) enter(name)
  return {
    enter,
    leave: (name) => {
      rooms.get(name)?.close()
      rooms.delete(name)
    },
    close: () => {
      for (const room of rooms.values()) room.close()
      rooms.clear()
    },
  }
}

/** Lets each kept event through once, though overlapping rooms tell it twice. */
function createSieve(): (event: LiveEvent) => boolean {
  const lastSeqs = new Map<string, number>()
  return (event) => {
    if (event.seq === undefined) return true
    const { taskId } = event.data
    if ((lastSeqs.get(taskId) ?? 0) >= event.seq) return false
    lastSeqs.delete(taskId)
    lastSeqs.set(taskId, event.seq)
    const oldest = lastSeqs.size > tasksRemembered ? lastSeqs.keys().next().value : undefined
    if (oldest !== undefined) lastSeqs.delete(oldest)
    return true
  }
}
