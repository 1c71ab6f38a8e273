import type { FeedEvent } from '../db/event-feed.ts'
import type { Position } from '../db/event-replay.ts'
import type { Signal } from '../db/signal.ts'
import { encodeCursor } from './cursor.ts'
import type { EventBatch } from './event-tail.ts'
import { eventPacket, lastProgressOf, type Packet } from './packet.ts'
import { createProgressFilter } from './progress-filter.ts'
import { keysOf } from './rooms.ts'

/** One client's interest in one room. */
export type Listener = {
  /** Who is told: of several listeners of one client, one is told of an event. */
  readonly client: object
  /**
   * Told of an event of the room; `packets` are those for everybody, what comes before it first. False when it is none of
   * this listener's business, because the client knows it already.
   */
  onEvent: (event: FeedEvent, batch: EventBatch, packets: readonly Packet[]) => boolean
  onProgress: (packet: Packet) => void
}

type Progress = Extract<Signal, { kind: 'progress' }>

/** Who listens to which room on this process, and where it stands in the ledger's events. */
export class Hub {
  readonly #rooms = new Map<string, Set<Listener>>()
  readonly #filter = createProgressFilter()
  #batch: EventBatch
  #position: Position

  /** `start` is a batch without events: whoever listens is told what came after it. */
  constructor(start: EventBatch) {
    this.#batch = start
    this.#position = { seen: start.to }
  }

  /** The ledger that the events come from, and its time, as of the last batch. */
  get ledger(): Pick<EventBatch, 'ledgerId' | 'serverStart' | 'toldAt'> {
    return this.#batch
  }

  listen(room: string, listener: Listener): void {
    const listeners = this.#rooms.get(room) ?? new Set()
    this.#rooms.set(room, listeners.add(listener))
  }

  leave(room: string, listener: Listener): void {
    const listeners = this.#rooms.get(room)
    if (listeners?.delete(listener) && listeners.size === 0) this.#rooms.delete(room)
  }

  hasListeners(room: string): boolean {
    return this.#rooms.has(room)
  }

  /** Whether anybody listens to anything. */
  get isHeard(): boolean {
    return this.#rooms.size > 0
  }

  /** What everybody knows by now who listens and is not behind. */
  get position(): Position {
    return this.#position
  }

  /** A position as a client keeps it. */
  cursor(position: Position = this.#position): string {
    const { ledgerId, toldAt } = this.#batch
    return encodeCursor({ ledgerId, toldAt, position })
  }

  publish(batch: EventBatch): void {
    const { from: seen, to: upto } = batch
    this.#batch = batch
    this.#position = { seen }
    for (const event of batch.events) {
      this.#filter.note(event)
      const listeners = this.#listenersOf(event)
      if (listeners.length > 0) tell(event, batch, listeners)
      // Only now: who falls behind at an event knows the one before it.
      this.#position = { seen, within: { upto, taskId: event.taskId, seq: event.seq } }
    }
    this.#position = { seen: upto }
  }

  publishProgress(progress: Progress): void {
    if (!this.#filter.accepts(progress)) return
    const told = new Set<object>()
    for (const listener of this.#listenersOf(progress)) {
      if (told.has(listener.client)) continue
      told.add(listener.client)
      listener.onProgress(progress.event)
    }
  }

  /** Tells the listeners of one room something that is no event. */
  broadcast(room: string, packet: Packet): void {
    for (const listener of this.#rooms.get(room) ?? []) listener.onProgress(packet)
  }

  #listenersOf(event: Parameters<typeof keysOf>[0]): Listener[] {
    return keysOf(event).flatMap((key) => [...(this.#rooms.get(key) ?? [])])
  }
}

function tell(event: FeedEvent, batch: EventBatch, listeners: readonly Listener[]): void {
  const last = lastProgressOf(event)
  const packets = [...(last ? [last] : []), eventPacket(event, batch.cursorAt(event))]
  const told = new Set<object>()
  for (const listener of listeners) {
    if (told.has(listener.client)) continue
    if (listener.onEvent(event, batch, packets)) told.add(listener.client)
  }
}
