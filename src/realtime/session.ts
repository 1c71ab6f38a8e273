import type { z } from 'zod'
import {
  initialRooms,
  type Subscribed,
  type SubscribeRequest,
  subscribeRequest,
  unsubscribeRequest,
} from '../contract/realtime.ts'
import type { Query, Sql } from '../db/connect.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Backlog } from '../tasks/backlog.ts'
import { enterRoom, findLost } from './access.ts'
import { admit, atMoment, type Authenticate, type SignedIn, tokenExpired } from './admission.ts'
import type { Hub } from './hub.ts'
import { drained, type Outlet, type Refusal } from './outlet.ts'
import { notice, type Packet } from './packet.ts'
import { refusalOf, shownRefusal } from './refusal.ts'
import type { ReplayLimits } from './replay.ts'
import { readRoomSnapshot } from './room-snapshot.ts'
import { accountRoom } from './rooms.ts'
import type { Presence } from './presence.ts'
import { type Receiver, Subscription } from './subscription.ts'
import { Turns } from './turns.ts'

export type SessionLimits = ReplayLimits & {
  /** How many rooms one client may be in. */
  maxRooms: number
  /** How often it is looked at whether a client may still watch what it watches. */
  recheckMs: number
}

export type SessionDeps = {
  hub: Hub
  sql: Sql
  authenticate: Authenticate
  limits: SessionLimits
  presence: Pick<Presence, 'enter'>
  backlog: Backlog
  log: Log
}

export type Answer = ({ ok: true } & Record<string, unknown>) | Refusal
export type Reply = (answer: Answer) => void

/** Progress is left out when a client's buffer is so full. What was missed is asked for when it is as empty as that. */
const busyShare = 0.25
const idleShare = 0.1

/**
 * What one client may do and is told, whatever it speaks: rooms, the end of its token, and that it is too slow. Its requests
 * are served in turn, so that the last word on a room counts.
 */
export class Session implements Receiver {
  readonly #deps: SessionDeps
  readonly #outlet: Outlet
  readonly #turns: Turns
  readonly #subscriptions = new Map<string, Subscription>()
  readonly #leavePresence: () => void
  #signedIn: SignedIn
  #callOffExpiry = (): void => {}
  #recheck: NodeJS.Timeout | undefined

  constructor(deps: SessionDeps, signedIn: SignedIn, outlet: Outlet) {
    this.#deps = deps
    this.#outlet = outlet
    this.#turns = new Turns(deps.log)
    this.#signedIn = signedIn
    this.#leavePresence = deps.presence.enter(signedIn.caller.account)
    this.#armExpiry()
    this.#armRecheck()
  }

  get account(): string {
    return this.#signedIn.caller.account
  }

  /** Enters the rooms that the client named as it connected, or its account's; each is told it as `subscribed`. */
  enterInitial(rooms: unknown): void {
    const announce: Reply = (answer) => this.#outlet.send({ type: 'subscribed', data: answer })
    if (rooms === undefined) {
      const room = accountRoom(this.account)
      return this.#turns.take(
        () => this.#subscribe({ room, snapshot: false, after: undefined }, announce),
        () => {},
      )
    }
    const parsed = initialRooms.safeParse(rooms)
    if (!parsed.success) return this.#outlet.end(shownRefusal(invalid(parsed.error)))
    for (const request of parsed.data) {
      const refuse = (refusal: Refusal): void => {
        this.#outlet.send(notice('unsubscribed', { room: request.room, ...refusal }))
      }
      this.#turns.take(() => this.#subscribe(request, announce), refuse)
    }
  }

  subscribe(request: unknown, reply: Reply): void {
    this.#turns.take(async () => this.#subscribe(parse(subscribeRequest, request), reply), reply)
  }

  unsubscribe(request: unknown, reply: Reply): void {
    this.#turns.take(async () => {
      const room = parse(unsubscribeRequest, request).room.toLowerCase()
      this.#leave(room)
      reply({ ok: true, room })
    }, reply)
  }

  /** Goes on with a newer token of the same account. */
  renew(token: unknown, reply: Reply): void {
    this.#turns.take(async () => {
      const renewed = await admit(this.#deps.authenticate, typeof token === 'string' ? token : undefined)
      if (renewed.caller.account !== this.account) {
        throw new AppError('FORBIDDEN', 'The token is of another account; open another connection for it.')
      }
      this.#signedIn = renewed
      this.#armExpiry()
      reply({ ok: true, expiresAt: renewed.caller.expiresAt?.toISOString() ?? null })
      await this.#leaveLost()
    }, reply)
  }

  /** The client is gone. */
  close(): void {
    this.#turns.end()
    this.#leavePresence()
    this.#callOffExpiry()
    clearTimeout(this.#recheck)
    for (const subscription of this.#subscriptions.values()) subscription.end()
    this.#subscriptions.clear()
  }

  deliver(packets: readonly Packet[]): void {
    if (this.#outlet.fill() >= 1) return this.#fallBehind()
    for (const packet of packets) this.#outlet.send(packet)
  }

  deliverVolatile(packet: Packet): void {
    if (this.#outlet.fill() < busyShare) this.#outlet.send(packet)
  }

  drained(): Promise<void> {
    return drained(this.#outlet, idleShare)
  }

  missed(subscription: Subscription): void {
    const { name: room } = subscription.room
    subscription.end()
    const current = this.#subscriptions.get(room)
    // It has asked again by itself meanwhile.
    if (current !== undefined && current !== subscription) return
    this.#subscriptions.delete(room)
    this.#outlet.send(notice('missed', { room, after: subscription.cursor() }))
  }

  async #subscribe(request: SubscribeRequest, reply: Reply): Promise<void> {
    const { hub, sql, limits, backlog, log } = this.#deps
    const { caller } = this.#signedIn
    const room = await enterRoom(sql, caller, request.room)
    const { maxRooms } = limits
    if (this.#subscriptions.size >= maxRooms && !this.#subscriptions.has(room.name)) {
      throw new AppError('VALIDATION_FAILED', `One connection can watch ${maxRooms} rooms.`, { details: { maxRooms } })
    }
    this.#leave(room.name)
    if (this.#turns.isOver) return
    const readSnapshot = (query: Query) => readRoomSnapshot(query, caller, room, backlog)
    const subscription = new Subscription({ hub, sql, limits, readSnapshot, log }, this, room)
    this.#subscriptions.set(room.name, subscription)
    try {
      const { answer, begin } = await subscription.prepare(request)
      // Nothing may come between the answer and what follows it.
      reply(answer satisfies Subscribed)
      begin()
    } catch (error) {
      this.#leave(room.name)
      throw error
    }
  }

  #leave(name: string): void {
    this.#subscriptions.get(name)?.end()
    this.#subscriptions.delete(name)
  }

  /** Stops telling a client that does not keep up, and has it ask for the rest once it has taken what is on its way. */
  #fallBehind(): void {
    const behind = [...this.#subscriptions.values()]
    for (const subscription of behind) subscription.end()
    this.#subscriptions.clear()
    this.#deps.log.info({ account: this.account }, 'a client is too slow and has to ask for what it missed')
    void this.drained().then(() => {
      for (const subscription of behind) this.missed(subscription)
    })
  }

  #armExpiry(): void {
    this.#callOffExpiry()
    const { expiresAt } = this.#signedIn.caller
    if (expiresAt === undefined) return
    this.#callOffExpiry = atMoment(expiresAt, () => this.#outlet.end(shownRefusal(tokenExpired())))
  }

  #armRecheck(): void {
    // Spread, so that the clients of a process are not all looked at in the same moment.
    const dueInMs = this.#deps.limits.recheckMs * (0.5 + Math.random() / 2)
    this.#recheck = setTimeout(() => {
      this.#turns.take(
        () => this.#check(),
        () => {},
      )
      this.#armRecheck()
    }, dueInMs)
  }

  async #check(): Promise<void> {
    try {
      this.#signedIn = await admit(this.#deps.authenticate, this.#signedIn.token)
      await this.#leaveLost()
    } catch (error) {
      const refusal = refusalOf(error, this.#deps.log)
      // What we cannot find out now does not count against the client.
      if (refusal.status < 500) this.#outlet.end(refusal)
    }
  }

  async #leaveLost(): Promise<void> {
    const rooms = [...this.#subscriptions.values()].map((subscription) => subscription.room)
    for (const { room, refusal } of await findLost(this.#deps.sql, this.#signedIn.caller, rooms)) {
      this.#leave(room.name)
      this.#outlet.send(notice('unsubscribed', { room: room.name, ...shownRefusal(refusal) }))
    }
  }
}

function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw invalid(parsed.error)
}

function invalid(error: z.ZodError): AppError {
  const errors = error.issues.map((issue) => ({ field: issue.path.join('.'), message: issue.message }))
  return new AppError('VALIDATION_FAILED', 'The request names no room that can be watched.', { details: { errors } })
}
