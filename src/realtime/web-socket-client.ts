import type { IncomingMessage } from 'node:http'
import type { RawData, WebSocket } from 'ws'
import { type ClientPacket, clientPacket } from '../contract/realtime.ts'
import { AppError } from '../errors.ts'
import { admitAt, type DoorOptions } from './door.ts'
import { createFloodGate } from './flood.ts'
import type { Outlet, Refusal } from './outlet.ts'
import { notice, type Packet } from './packet.ts'
import { refusalOf, shownRefusal } from './refusal.ts'
import type { Answer, Session } from './session.ts'

/** Why a connection ends: RFC 6455 §7.4.1, and in the range that is everybody's own the HTTP status plus 4000. */
export const closeCodes = {
  goingAway: 1001,
  notText: 1003,
  tooManyPackets: 4429,
  refused: (status: number) => 4000 + status,
} as const

/** One connection to `/ws`, from its token to its end. */
export class WebSocketClient {
  readonly #options: DoorOptions
  readonly #connection: WebSocket
  readonly #request: IncomingMessage
  readonly #isFlooding: () => boolean
  readonly #signInTimer: NodeJS.Timeout
  #session: Session | undefined
  #isSigningIn = false
  #isAlive = true

  constructor(
    options: DoorOptions,
    { connection, request }: { connection: WebSocket; request: IncomingMessage },
    onClose: () => void,
  ) {
    this.#options = options
    this.#connection = connection
    this.#request = request
    const { maxMessagesPerSecond, signInWithinMs } = options.limits
    this.#isFlooding = createFloodGate(maxMessagesPerSecond)
    this.#signInTimer = setTimeout(() => this.#endStranger(tooLate(signInWithinMs)), signInWithinMs)
    connection.on('message', (data, isBinary) => this.#receive(data, isBinary))
    connection.on('pong', () => {
      this.#isAlive = true
    })
    // What was wrong is said to the other side by its close code; "close" follows.
    connection.on('error', (error) => options.log.debug({ err: error }, 'a WebSocket failed'))
    connection.on('close', () => {
      clearTimeout(this.#signInTimer)
      this.#session?.close()
      onClose()
    })
  }

  /** Asks whether the client is there, and drops it when it did not answer the last time. */
  ping(): void {
    if (!this.#isAlive) return this.#connection.terminate()
    this.#isAlive = false
    this.#connection.ping()
  }

  /** Closes the connection; one that does not answer that is cut off. */
  drop(code: number, reason = ''): void {
    this.#connection.close(code, reason)
    setTimeout(() => this.#connection.terminate(), 1000).unref()
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#connection.readyState !== this.#connection.OPEN) return
    if (this.#isFlooding()) {
      this.#options.log.warn({ account: this.#session?.account }, 'a client sent too many packets and is disconnected')
      return this.drop(closeCodes.tooManyPackets, 'too many packets')
    }
    if (isBinary) return this.drop(closeCodes.notText, 'packets are text')
    const packet = readPacket(textOf(data))
    if (packet instanceof AppError) return this.#reply(undefined, 'error', shownRefusal(packet))
    if (this.#session !== undefined) return this.#serve(this.#session, packet)
    if (packet.type !== 'auth') return this.#endStranger(notSignedIn())
    void this.#signIn(packet)
  }

  async #signIn({ id, token, rooms }: ClientPacket): Promise<void> {
    if (this.#isSigningIn) return
    this.#isSigningIn = true
    const { openSession, log } = this.#options
    try {
      const signedIn = await admitAt(this.#options, this.#request, token)
      if (this.#connection.readyState !== this.#connection.OPEN) return
      clearTimeout(this.#signInTimer)
      const { account, expiresAt } = signedIn.caller
      this.#reply(id, 'authenticated', { account, expiresAt: expiresAt?.toISOString() ?? null })
      this.#session = openSession(signedIn, this.#outlet())
      this.#session.enterInitial(rooms)
    } catch (error) {
      this.#end(refusalOf(error, log))
    }
  }

  #endStranger(why: AppError): void {
    this.#options.guard.stranger(this.#request)
    this.#end(shownRefusal(why))
  }

  #serve(session: Session, { type, id, data, token }: ClientPacket): void {
    const reply = (done: string) => (answer: Answer) => this.#reply(id, 'ok' in answer ? done : 'error', answer)
    if (type === 'subscribe') return session.subscribe(data, reply('subscribed'))
    if (type === 'unsubscribe') return session.unsubscribe(data, reply('unsubscribed'))
    if (type === 'auth') return session.renew(token, reply('authenticated'))
    if (type === 'ping') return this.#reply(id, 'pong', data ?? null)
    const known = 'auth, subscribe, unsubscribe and ping'
    this.#reply(id, 'error', shownRefusal(new AppError('VALIDATION_FAILED', `Of packets there are ${known}.`)))
  }

  #outlet(): Outlet {
    const connection = this.#connection
    const { maxBacklogBytes } = this.#options.limits
    return {
      send: (packet) => connection.send(encode(packet), { binary: false }),
      fill: () => connection.bufferedAmount / maxBacklogBytes,
      isOpen: () => connection.readyState === connection.OPEN,
      end: (why) => this.#end(why),
    }
  }

  #end(why: Refusal): void {
    if (this.#connection.readyState !== this.#connection.OPEN) return
    this.#connection.send(encode(notice('closing', why)), { binary: false })
    this.drop(closeCodes.refused(why.status), why.code)
  }

  #reply(id: ClientPacket['id'], type: string, data: unknown): void {
    if (this.#connection.readyState !== this.#connection.OPEN) return
    this.#connection.send(JSON.stringify({ type, ...(id === undefined ? {} : { id }), data }))
  }
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8')
  return Buffer.from(data instanceof ArrayBuffer ? new Uint8Array(data) : data).toString('utf8')
}

function readPacket(text: string): ClientPacket | AppError {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    return new AppError('MALFORMED_JSON', 'The packet is not valid JSON.', { cause })
  }
  const parsed = clientPacket.safeParse(value)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.map((issue) => ({ field: issue.path.join('.'), message: issue.message }))
  return new AppError('VALIDATION_FAILED', 'The packet is not { type, data }.', { details: { errors } })
}

const encoded = new WeakMap<Packet, Buffer>()

/** A packet as it goes over the line, made once for all who get it. */
function encode(packet: Packet): Buffer {
  const known = encoded.get(packet)
  if (known !== undefined) return known
  const { type, data, after } = packet
  const bytes = Buffer.from(JSON.stringify(after === undefined ? { type, data } : { type, data, after }))
  encoded.set(packet, bytes)
  return bytes
}

function tooLate(signInWithinMs: number): AppError {
  return new AppError('UNAUTHENTICATED', `No token came within ${signInWithinMs / 1000} s.`)
}

function notSignedIn(): AppError {
  return new AppError('UNAUTHENTICATED', 'The first packet must be { "type": "auth", "token": … }.')
}
