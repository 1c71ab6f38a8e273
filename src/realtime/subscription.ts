import type { RoomSnapshot, Subscribed, SubscribeRequest } from '../contract/realtime.ts'
import type { Query, Sql } from '../db/connect.ts'
import type { FeedEvent } from '../db/event-feed.ts'
import type { EventFilter, Position } from '../db/event-replay.ts'
import { covers, sees, type Snapshot } from '../db/snapshot.ts'
import type { Log } from '../log.ts'
import type { EventBatch } from './event-tail.ts'
import type { Hub, Listener } from './hub.ts'
import { eventPacket, lastProgressOf, type Packet } from './packet.ts'
import { isTooMuch, type Page, positionOf, readPage, type ReplayLimits, type Reset } from './replay.ts'
import { filterOf, keyOf, type Room } from './rooms.ts'

/** The client of a subscription, as far as it is needed here. */
export type Receiver = {
  /** Sends packets in order; may end all subscriptions of the client because it is too slow. */
  deliver: (packets: readonly Packet[]) => void
  /** Sends what may be lost. */
  deliverVolatile: (packet: Packet) => void
  /** Resolves when the client has taken most of what was sent. */
  drained: () => Promise<void>
  /** Tells the client that it has to subscribe to the room again, from where it is. */
  missed: (subscription: Subscription) => void
}

export type SubscriptionDeps = {
  hub: Hub
  sql: Sql
  limits: ReplayLimits
  readSnapshot: (query: Query, room: Room) => Promise<RoomSnapshot>
  log: Log
}

export type Prepared = { answer: Subscribed; begin: () => void }

type SnapshotReader = (query: Query) => Promise<RoomSnapshot>
type Held = { event: FeedEvent; batch: EventBatch; packets: readonly Packet[] }

type State =
  /** Not listening: reading what was missed, page by page. */
  | { kind: 'reading'; position: Position }
  /** Listening while the last page is read. */
  | { kind: 'joining'; position: Position; held: Held[]; serverStart: number }
  /** Listening; what `floor` sees, by the numbers that this server has given out since its start, was in the replay or the snapshot. */
  | { kind: 'settling'; position: Position; floor: Snapshot; serverStart: number }
  | { kind: 'live' }
  | { kind: 'ended'; position: Position }

/** Each may have a quarter of a megabyte of results. */
const pageEvents = 200

/** One client's subscription to one room: makes up what was missed, and goes over to what comes live without a seam. */
export class Subscription implements Listener {
  readonly client: Receiver
  readonly room: Room
  readonly #deps: SubscriptionDeps
  #state: State

  constructor(deps: SubscriptionDeps, client: Receiver, room: Room) {
    this.#deps = deps
    this.client = client
    this.room = room
    this.#state = { kind: 'reading', position: deps.hub.position }
  }

  /** What the client knows of the room by now; null for a room without events. */
  cursor(): string | null {
    return filterOf(this.room) === undefined ? null : this.#deps.hub.cursor(this.#position())
  }

  /**
   * Finds out what was missed. Answers what to tell the client, and `begin`, which is to be called right after that was sent:
   * it sends the missed events, and from then on everything as it comes.
   */
  async prepare(request: SubscribeRequest): Promise<Prepared> {
    const filter = filterOf(this.room)
    const readSnapshot = (query: Query) => this.#deps.readSnapshot(query, this.room)
    if (filter === undefined) {
      const snapshot = request.snapshot ? await readSnapshot(this.#deps.sql) : null
      return { answer: this.#answer('none', snapshot), begin: () => this.#goLive() }
    }
    if (request.after === undefined) {
      if (!request.snapshot) return { answer: this.#answer('none', null), begin: () => this.#goLive() }
      return this.#fromSnapshot(filter, readSnapshot)
    }
    const { hub, limits, sql } = this.#deps
    const known = await positionOf(sql, request.after, hub.ledger, limits)
    if ('reset' in known) return this.#fromSnapshot(filter, readSnapshot, known.reset)
    return this.#fromPosition(filter, known.position, readSnapshot, request)
  }

  /** Ends it; nothing of the room is sent any more. */
  end(): void {
    const position = this.#position()
    this.#deps.hub.leave(keyOf(this.room), this)
    this.#state = { kind: 'ended', position }
  }

  onEvent(event: FeedEvent, batch: EventBatch, packets: readonly Packet[]): boolean {
    const state = this.#state
    if (state.kind === 'joining') {
      state.held.push({ event, batch, packets })
      return false
    }
    if (state.kind === 'settling' && hasPassed(batch, state)) this.#state = { kind: 'live' }
    else if (state.kind === 'settling') return this.#settle(state, event, batch, packets)
    if (this.#state.kind !== 'live') return false
    this.client.deliver(packets)
    return true
  }

  onProgress(packet: Packet): void {
    // While events are made up, progress would be ahead of them.
    if (this.#state.kind === 'live' || this.#state.kind === 'settling') this.client.deliverVolatile(packet)
  }

  async #fromSnapshot(filter: EventFilter, readSnapshot: SnapshotReader, reason?: Reset): Promise<Prepared> {
    const page = await this.#join(filter, this.#deps.hub.position, { position: undefined, limit: 0, readSnapshot })
    if (page === 'foreign') throw new Error('a position of this very moment is not known')
    this.#move(page.position)
    const answer = this.#answer(reason ? 'reset' : 'none', page.snapshot, reason)
    return { answer, begin: () => this.#settleFrom(page) }
  }

  async #fromPosition(
    filter: EventFilter,
    position: Position,
    readSnapshot: SnapshotReader,
    { snapshot }: SubscribeRequest,
  ): Promise<Prepared> {
    const { sql, limits } = this.#deps
    const wanted = { position, limit: pageEvents, readSnapshot: snapshot ? readSnapshot : undefined }
    const page = await this.#join(filter, position, wanted)
    if (page === 'foreign') return this.#fromSnapshot(filter, readSnapshot, 'foreign')
    if (page.more && (await isTooMuch(sql, filter, position, limits))) {
      return this.#fromSnapshot(filter, readSnapshot, 'too-old')
    }
    const answer = this.#answer('complete', page.snapshot)
    return { answer, begin: () => (page.more ? void this.#catchUp(filter, page) : this.#settleFrom(page)) }
  }

  /** Listens, and holds what comes back while a page is read. Listens no more when that was not the last one. */
  async #join(
    filter: EventFilter,
    position: Position,
    wanted: Omit<Parameters<typeof readPage>[2], 'filter'>,
  ): Promise<Page | 'foreign'> {
    const { hub, sql } = this.#deps
    const key = keyOf(this.room)
    const { ledger } = hub
    if (this.#state.kind !== 'ended') {
      this.#state = { kind: 'joining', position, held: [], serverStart: ledger.serverStart }
    }
    hub.listen(key, this)
    let page: Page | 'foreign' | undefined
    try {
      page = await readPage(sql, ledger, { filter, ...wanted })
      return page
    } finally {
      if (page === undefined || page === 'foreign' || page.more || this.#hasEnded()) hub.leave(key, this)
    }
  }

  /** Sends page after page, at the pace of the client. */
  async #catchUp(filter: EventFilter, first: Page): Promise<void> {
    try {
      let page = first
      while (page.more) {
        this.#sendPage(page)
        await this.client.drained()
        if (this.#hasEnded()) return
        const next = await this.#join(filter, page.position, {
          position: page.position,
          limit: pageEvents,
          readSnapshot: undefined,
        })
        if (next === 'foreign') break
        page = next
      }
      if (!page.more) return this.#settleFrom(page)
    } catch (error) {
      this.#deps.log.warn({ err: error, room: this.room.name }, 'missed events could not be read')
    }
    if (!this.#hasEnded()) this.client.missed(this)
  }

  #settleFrom(page: Page): void {
    this.#sendPage(page)
    const state = this.#state
    if (state.kind !== 'joining') return
    const { position } = page
    this.#state = { kind: 'settling', position, floor: position.seen, serverStart: state.serverStart }
    for (const { event, batch, packets } of state.held) this.onEvent(event, batch, packets)
  }

  #sendPage({ events }: Page): void {
    for (const event of events) {
      if (this.#hasEnded()) return
      const last = lastProgressOf(event)
      const packet = eventPacket(event, this.#deps.hub.cursor(event.position))
      this.client.deliver([...(last ? [last] : []), packet])
      this.#move(event.position)
    }
  }

  /** Sends what was neither in the replay nor seen by the snapshot. */
  #settle(
    state: Extract<State, { kind: 'settling' }>,
    { taskId, seq, xid }: FeedEvent,
    batch: EventBatch,
    packets: readonly Packet[],
  ): boolean {
    if (sees(state.floor, xid)) return false
    const seen = covers(batch.from, state.floor) ? batch.from : state.floor
    const position = { seen, within: { upto: batch.to, taskId, seq } }
    const after = this.#deps.hub.cursor(position)
    this.client.deliver(packets.map((packet) => (packet.after === undefined ? packet : { ...packet, after })))
    this.#move(position)
    return true
  }

  /** Notes what the client knows by now, unless it was too slow for it. */
  #move(position: Position): void {
    const state = this.#state
    if (state.kind !== 'live' && state.kind !== 'ended') this.#state = { ...state, position }
  }

  #hasEnded(): boolean {
    return this.#state.kind === 'ended'
  }

  #position(): Position {
    return this.#state.kind === 'live' ? this.#deps.hub.position : this.#state.position
  }

  #answer(replay: Subscribed['replay'], snapshot: RoomSnapshot | null, reason?: Reset): Subscribed {
    const after = this.cursor()
    return { ok: true, room: this.room.name, replay, ...(reason ? { reason } : {}), after, snapshot }
  }

  #goLive(): void {
    if (this.#state.kind === 'ended') return
    this.#state = { kind: 'live' }
    this.#deps.hub.listen(keyOf(this.room), this)
  }
}

/** Whether none of a batch was in the replay or the snapshot that somebody settles from. */
function hasPassed(batch: EventBatch, { floor, serverStart }: Extract<State, { kind: 'settling' }>): boolean {
  return batch.serverStart > serverStart || covers(batch.from, floor)
}
