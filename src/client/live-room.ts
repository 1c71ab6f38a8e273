import type { RoomSnapshot } from '../contract/realtime.ts'
import type { Api } from './api.ts'
import { backoffMs, isPassing } from './backoff.ts'
import { isRecord, LongshoreError, refusalIn } from './errors.ts'
import type { LiveEvent, RoomState } from './live-event.ts'
import type { Platform, Socket } from './platform.ts'

export type RoomHandlers = {
  onEvent: (event: LiveEvent) => void
  onSnapshot: (snapshot: RoomSnapshot, isReset: boolean) => void
  onState: (state: RoomState) => void
  onError: (error: LongshoreError) => void
}

const pingMs = 20_000
const answerWithinMs = 10_000
/** A newer token is brought so long before the present one ends. */
const renewBeforeMs = 30_000

/** One room over a connection of its own to `/ws`, which comes back by itself with the cursor it has got to. */
export class LiveRoom {
  readonly #api: Api
  readonly #platform: Platform
  readonly #name: string
  readonly #handlers: RoomHandlers
  #socket: Socket | undefined
  /** Names the present connection: what an earlier one still says does not count. */
  #line: object | undefined
  #isClosed = false
  /** The room by the name that the server knows, and how far it has been told of. */
  #room: string | undefined
  #after: string | undefined
  #failures = 0
  #hasRenewed = false
  #timers: ReturnType<typeof setTimeout>[] = []
  #lastHeardAt = 0

  constructor(api: Api, platform: Platform, name: string, handlers: RoomHandlers) {
    this.#api = api
    this.#platform = platform
    this.#name = name
    this.#handlers = handlers
    void this.#connect()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#drop()
    this.#handlers.onState('closed')
  }

  async #connect(): Promise<void> {
    this.#handlers.onState('connecting')
    const line = {}
    this.#line = line
    const isThis = (): boolean => this.#line === line && !this.#isClosed
    try {
      const token = await this.#api.token()
      const socket = await this.#platform.openSocket(this.#api.socketUrl(), {
        onOpen: () => isThis() && this.#send({ type: 'auth', token, rooms: [] }),
        onMessage: (text) => isThis() && this.#receive(text),
        onClose: () => isThis() && this.#comeBack(),
      })
      if (!isThis()) return socket.close()
      this.#socket = socket
    } catch {
      if (isThis()) return this.#comeBack()
    }
    this.#later(answerWithinMs, () => {
      if (this.#lastHeardAt === 0) this.#comeBack()
    })
  }

  #receive(text: string): void {
    this.#lastHeardAt = performance.now()
    const packet: unknown = JSON.parse(text)
    if (!isRecord(packet) || typeof packet['type'] !== 'string') return
    const { type, data, after, id } = packet
    if (type === 'authenticated') return this.#authenticated(isRecord(data) ? data : {})
    if (type === 'subscribed') return this.#subscribed(isRecord(data) ? data : {})
    if (type === 'missed') return this.#missed(isRecord(data) ? data : {})
    if (type === 'closing') return this.#refused(data)
    if (type === 'unsubscribed' || (type === 'error' && id !== undefined)) return this.#notEntered(errorIn(data))
    if (type === 'pong' || type === 'error') return
    if (typeof after === 'string') this.#after = after
    if (isRecord(data)) this.#handlers.onEvent(eventOf(type, this.#name, data))
  }

  #authenticated({ account, expiresAt }: Record<string, unknown>): void {
    if (typeof account === 'string') {
      this.#room = this.#name === 'account' ? `account:${account}` : this.#name
      this.#subscribe()
      this.#keepAlive()
    }
    const restMs = typeof expiresAt === 'string' ? Date.parse(expiresAt) - Date.now() - renewBeforeMs : undefined
    if (restMs !== undefined && this.#api.canRenewToken) this.#later(Math.max(1000, restMs), () => void this.#renew())
  }

  #subscribe(): void {
    const after = this.#after === undefined ? {} : { after: this.#after }
    this.#send({
      type: 'subscribe',
      id: 'room',
      data: { room: this.#room, ...after, snapshot: this.#after === undefined },
    })
  }

  #subscribed({ after, replay, snapshot }: Record<string, unknown>): void {
    this.#failures = 0
    this.#hasRenewed = false
    if (typeof after === 'string' && (this.#after === undefined || replay === 'reset')) this.#after = after
    this.#handlers.onState('live')
    if (!isRecord(snapshot)) return
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the contract says what a snapshot is
    this.#handlers.onSnapshot(snapshot as RoomSnapshot, replay === 'reset')
  }

  /** It was too slow, and has left the room. */
  #missed({ after }: Record<string, unknown>): void {
    if (typeof after === 'string') this.#after = after
    this.#subscribe()
  }

  #notEntered(error: LongshoreError): void {
    if (isPassing(error)) this.#comeBack()
    else this.#giveUp(error)
  }

  /** The server ends the connection and says why. */
  #refused(data: unknown): void {
    const error = errorIn(data)
    const isToken = error.status === 401 || error.code.startsWith('TOKEN_') || error.code === 'UNAUTHENTICATED'
    if (isToken && (!this.#api.canRenewToken || this.#hasRenewed)) return this.#giveUp(error)
    this.#hasRenewed = isToken
    this.#comeBack()
  }

  #giveUp(error: LongshoreError): void {
    this.close()
    this.#handlers.onError(error)
  }

  #comeBack(): void {
    this.#drop()
    if (this.#isClosed) return
    this.#handlers.onState('waiting')
    this.#later(backoffMs(this.#failures++), () => void this.#connect())
  }

  async #renew(): Promise<void> {
    try {
      this.#send({ type: 'auth', token: await this.#api.token() })
    } catch {
      // The connection ends with its token, and comes back with another one.
    }
  }

  #keepAlive(): void {
    this.#later(pingMs, () => {
      const askedAt = performance.now()
      this.#send({ type: 'ping' })
      this.#later(answerWithinMs, () => {
        if (this.#lastHeardAt < askedAt) this.#comeBack()
        else this.#keepAlive()
      })
    })
  }

  #send(packet: Record<string, unknown>): void {
    this.#socket?.send(JSON.stringify(packet))
  }

  /** Calls back later, unless the connection is gone by then. */
  #later(delayMs: number, callBack: () => void): void {
    this.#timers.push(setTimeout(callBack, Math.min(delayMs, 2 ** 31 - 1)))
  }

  #drop(): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer)
    const socket = this.#socket
    this.#socket = undefined
    this.#line = undefined
    this.#lastHeardAt = 0
    socket?.close()
  }
}

function errorIn(data: unknown): LongshoreError {
  const refusal = refusalIn(data)
  const status = isRecord(data) && typeof data['status'] === 'number' ? data['status'] : 0
  return new LongshoreError(refusal?.code ?? 'REFUSED', refusal?.message ?? 'The server refused it.', {
    status,
    details: refusal?.details ?? {},
  })
}

function eventOf(type: string, room: string, data: Record<string, unknown>): LiveEvent {
  const seq = typeof data['seq'] === 'number' ? data['seq'] : undefined
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- type and data agree, which the contract promises
  return { type, room, seq, data } as unknown as LiveEvent
}
