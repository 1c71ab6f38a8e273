import { performance } from 'node:perf_hooks'
import postgres from 'postgres'
import type { Log } from '../log.ts'
import type { Sql } from './connect.ts'
import { type Signal, signal } from './signal.ts'

type Listener<Message> = (message: Message) => void
type Listeners = { [Kind in Signal['kind']]: Set<Listener<Extract<Signal, { kind: Kind }>>> }

const channel = 'longshore'
const minGapMs = 5
const maxBuffered = 10_000
/** Postgres refuses a payload of 8,000 bytes and more. */
const maxPayloadBytes = 7_900

/**
 * Short messages between the processes of one ledger, over LISTEN and NOTIFY. Each reaches every process, its sender
 * too, usually within milliseconds; any may be lost, so whoever listens also looks by himself now and then.
 * `listenUrl` must lead to Postgres itself, not to a transaction pooler. Throws when the first LISTEN fails; later a lost
 * connection is opened again until it works, and then the signals `events` and `pools` are made here, for what was missed.
 */
export async function openSignals(options: { sql: Sql; listenUrl: string; log: Log }): Promise<Signals> {
  const signals = new Signals(options)
  await signals.open()
  return signals
}

/** The open channel; made by openSignals. */
export class Signals {
  readonly #sql: Sql
  readonly #log: Log
  readonly #listening: postgres.Sql
  readonly #listeners: Listeners = { events: new Set(), pools: new Set(), task: new Set(), progress: new Set() }
  readonly #byTask = new Map<string, Set<() => void>>()
  readonly #buffer = new Map<string, Signal>()
  #pieces: string[] = []
  #timer: NodeJS.Timeout | undefined
  #sending: Promise<void> | undefined
  #sentAt = Number.NEGATIVE_INFINITY
  #closed = false

  constructor({ sql, listenUrl, log }: { sql: Sql; listenUrl: string; log: Log }) {
    this.#sql = sql
    this.#log = log
    this.#listening = postgres(listenUrl, {
      max: 1,
      connect_timeout: 10,
      // A connection that died without a word is noticed within some 20 s.
      keep_alive: 10,
      backoff: (retries) => Math.min(1, 0.05 * 2 ** retries),
      connection: { application_name: 'longshore signals' },
      onnotice: () => {},
    })
  }

  async open(): Promise<void> {
    try {
      await this.#listening.listen(
        channel,
        (payload) => this.#receive(payload),
        () => {
          this.#deliver({ kind: 'events' })
          this.#deliver({ kind: 'pools' })
        },
      )
    } catch (error) {
      await this.#listening.end({ timeout: 0 })
      throw error
    }
  }

  /**
   * Sends when it can, within some 5 ms, together with what else is waiting; never throws. Of equal messages, and of the
   * progress of one task, only the newest of those waiting is sent. While the ledger is away messages are dropped.
   */
  send(message: Signal): void {
    if (this.#closed) return
    const key = 'taskId' in message ? `${message.kind} ${message.taskId}` : message.kind
    if (this.#buffer.size >= maxBuffered && !this.#buffer.has(key)) {
      this.#log.debug({ kind: message.kind }, 'signal dropped: too many are waiting')
      return
    }
    this.#buffer.set(key, message)
    this.#schedule()
  }

  /** Calls the listener with every message of a kind from now on, until the answered function is called. */
  on<Kind extends Signal['kind']>(kind: Kind, listener: Listener<Extract<Signal, { kind: Kind }>>): () => void {
    const listeners: Set<Listener<Extract<Signal, { kind: Kind }>>> = this.#listeners[kind]
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** Calls the listener at every `task` message about this task (its id as the ledger writes it), until undone. */
  onTask(taskId: string, listener: () => void): () => void {
    const listeners = this.#byTask.get(taskId) ?? new Set()
    this.#byTask.set(taskId, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#byTask.get(taskId) === listeners) this.#byTask.delete(taskId)
    }
  }

  /** Sends what is still waiting, then stops listening. What is sent afterwards goes nowhere. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    await this.#sending
    if (this.#buffer.size > 0) await this.#flush()
    await this.#listening.end({ timeout: 1 })
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#sending !== undefined || this.#buffer.size === 0) return
    // A message after a quiet time leaves at once, but together with the others of the same turn of the event loop.
    const waitMs = Math.max(0, this.#sentAt + minGapMs - performance.now())
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#sending = this.#flush().finally(() => {
        this.#sending = undefined
        if (!this.#closed) this.#schedule()
      })
    }, waitMs)
  }

  async #flush(): Promise<void> {
    const payloads = toPayloads([...this.#buffer.values()])
    const dropped = this.#buffer.size
    this.#buffer.clear()
    this.#sentAt = performance.now()
    try {
      const sql = this.#sql
      await sql`SELECT pg_notify(${channel}, payload) FROM unnest(${payloads}::text[]) AS payload`
    } catch (error) {
      this.#log.debug({ err: error, dropped }, 'signals dropped: the ledger could not be reached')
    }
  }

  #receive(payload: string): void {
    const messages = this.#assemble(payload)
    if (messages === undefined) return
    for (const candidate of messages) {
      // Another release may send what this one does not know.
      const parsed = signal.safeParse(candidate)
      if (parsed.success) this.#deliver(parsed.data)
    }
  }

  #assemble(payload: string): unknown[] | undefined {
    const header = /^(\d+)\/(\d+) /.exec(payload)
    if (header === null) return undefined
    const [prefix, index, count] = [header[0], Number(header[1]), Number(header[2])]
    // The notifications of one transaction arrive in order and with none of another between them.
    if (index === 0) this.#pieces = []
    if (this.#pieces.length !== index) return undefined
    this.#pieces.push(payload.slice(prefix.length))
    if (this.#pieces.length < count) return undefined
    const text = this.#pieces.join('')
    this.#pieces = []
    try {
      const parsed: unknown = JSON.parse(text)
      return Array.isArray(parsed) ? parsed : undefined
    } catch (error) {
      this.#log.debug({ err: error }, 'signal not understood')
      return undefined
    }
  }

  #deliver(message: Signal): void {
    if (message.kind === 'events') this.#tell(this.#listeners.events, message)
    if (message.kind === 'pools') this.#tell(this.#listeners.pools, message)
    if (message.kind === 'progress') this.#tell(this.#listeners.progress, message)
    if (message.kind !== 'task') return
    this.#tell(this.#listeners.task, message)
    this.#tell(this.#byTask.get(message.taskId) ?? new Set<Listener<undefined>>(), undefined)
  }

  #tell<Message>(listeners: Set<Listener<Message>>, message: Message): void {
    const current = [...listeners]
    for (const listener of current) {
      try {
        listener(message)
      } catch (error) {
        this.#log.error({ err: error }, 'a listener to signals failed')
      }
    }
  }
}

/**
 * The messages as one JSON array, cut into payloads that Postgres takes. Each begins with its index and their number:
 * Postgres sends equal payloads of one transaction only once, and a message (a long name) may be larger than a payload.
 */
function toPayloads(messages: Signal[]): string[] {
  const ascii = JSON.stringify(messages).replace(/[\u0080-\uffff]/g, escaped)
  const headerBytes = 16
  const pieceBytes = maxPayloadBytes - headerBytes
  const count = Math.ceil(ascii.length / pieceBytes)
  return Array.from({ length: count }, (_, index) => {
    return `${index}/${count} ${ascii.slice(index * pieceBytes, (index + 1) * pieceBytes)}`
  })
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
