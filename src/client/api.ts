import { backoffMs, isPassing, pause, reasonOf } from './backoff.ts'
import { errorOf, LongshoreError } from './errors.ts'

export type Fetch = (url: string, init: RequestInit) => Promise<Response>
/** A bearer token, or what answers one: it is asked before every request, so it can hand out a newer one. */
export type Token = string | (() => string | Promise<string>)
export type Query = Record<string, string | number | boolean | Date | null | undefined>
export type Bytes = Blob | Uint8Array<ArrayBuffer>

export type Call = {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below `/api`. */
  path: string
  query?: Query | undefined
  /** Goes as JSON; dates in ISO 8601. */
  json?: unknown
  /** Goes as it is. */
  bytes?: Bytes
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
  /** Whether it may be sent again when nobody knows whether it arrived. GET, PUT and what has an Idempotency-Key may. */
  isRepeatable?: boolean
  /** How often it is tried, when what stands against it may pass. */
  attempts?: number
  /** After how many milliseconds without an answer it counts as lost. */
  timeoutMs?: number
}

/** Any of these, where undefined means the same as leaving it out. */
export type Some<Shape> = { [Name in keyof Shape]?: Shape[Name] | undefined }

/** One page of a list, and how many match in all. */
export type Page<Item> = { items: Item[]; total: number }

export type ApiOptions = { url: string; token: Token; fetch: Fetch }

const usualAttempts = 6
const usualTimeoutMs = 60_000
const pageSize = 200

/** Calls the API of one server as one account, as often as it takes. Every call throws LongshoreError. */
export class Api {
  readonly url: string
  readonly fetch: Fetch
  readonly #token: Token

  constructor({ url, token, fetch }: ApiOptions) {
    this.url = url.replace(/\/+$/, '')
    this.fetch = fetch
    this.#token = token
  }

  async token(): Promise<string> {
    return typeof this.#token === 'string' ? this.#token : this.#token()
  }

  /** Whether a refused token may be followed by another one. */
  get canRenewToken(): boolean {
    return typeof this.#token === 'function'
  }

  /** Where the server's plain WebSocket is. */
  socketUrl(): string {
    return `${this.url.replace(/^http/, 'ws')}/ws`
  }

  async json<Answer>(call: Call): Promise<Answer> {
    return answerOf<Answer>(await this.send(call))
  }

  async nothing(call: Call): Promise<void> {
    const response = await this.send(call)
    await response.body?.cancel()
  }

  /** POST of what creates something: safe to repeat, because each has a key of its own. */
  async create<Answer>(
    path: string,
    json: unknown,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<Answer> {
    const headers = { 'Idempotency-Key': crypto.randomUUID() }
    return this.json<Answer>({ method: 'POST', path, json, headers, isRepeatable: true, ...options })
  }

  async page<Item>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Page<Item>> {
    const response = await this.send({ path, query, signal })
    const items = await answerOf<Item[]>(response)
    return { items, total: Number(response.headers.get('X-Total') ?? items.length) }
  }

  /** Every item of a list, page by page as they are asked for. */
  async *each<Item>(path: string, query: Query = {}, signal?: AbortSignal): AsyncGenerator<Item, void, void> {
    const limit = Number(query['limit'] ?? pageSize)
    for (let offset = Number(query['offset'] ?? 0); ; offset += limit) {
      const { items } = await this.page<Item>(path, { ...query, limit, offset }, signal)
      yield* items
      if (items.length < limit) return
    }
  }

  /** Sends a request until it is answered with success; the body of the answer is the caller's to read. */
  async send(call: Call): Promise<Response> {
    const { method = 'GET', attempts = usualAttempts } = call
    const isRepeatable = call.isRepeatable ?? (method === 'GET' || method === 'PUT')
    let isRenewed = false
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#sendOnce(call)
      } catch (error) {
        call.signal?.throwIfAborted()
        if (!(error instanceof LongshoreError)) throw error
        if (error.status === 401 && this.canRenewToken && !isRenewed) {
          isRenewed = true
          continue
        }
        const mayRepeat = isRepeatable || (error.status !== 0 && error.retryAfterSeconds !== undefined)
        if (!mayRepeat || !isPassing(error) || attempt + 1 >= attempts) throw error
        await pause(backoffMs(attempt, error.retryAfterSeconds), call.signal)
      }
    }
  }

  async #sendOnce(call: Call): Promise<Response> {
    const { method = 'GET', path, query = {}, json, bytes, headers = {}, signal, timeoutMs = usualTimeoutMs } = call
    const token = await this.token()
    const lost = new AbortController()
    const timer = setTimeout(() => lost.abort(), timeoutMs)
    try {
      const response = await this.fetch(`${this.url}/api${path}${queryText(query)}`, {
        method,
        headers: { Authorization: `Bearer ${token}`, ...contentType(json, bytes), ...headers },
        signal: signal === undefined ? lost.signal : AbortSignal.any([signal, lost.signal]),
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
        ...(bytes === undefined ? {} : { body: bytes }),
      })
      if (!response.ok) throw await errorOf(response)
      return response
    } catch (cause) {
      if (signal?.aborted) throw reasonOf(signal)
      if (cause instanceof LongshoreError) throw cause
      const why = lost.signal.aborted ? `it did not answer within ${timeoutMs / 1000} s` : 'it cannot be reached'
      throw new LongshoreError('NETWORK', `No answer from ${this.url || 'the server'}: ${why}.`, { cause })
    } finally {
      clearTimeout(timer)
    }
  }
}

async function answerOf<Answer>(response: Response): Promise<Answer> {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server checks its answers against the same contract
    return (await response.json()) as Answer
  } catch (cause) {
    throw new LongshoreError('NETWORK', 'The answer broke off, or is not JSON.', { cause })
  }
}

function contentType(json: unknown, bytes: Bytes | undefined): Record<string, string> {
  if (json !== undefined) return { 'Content-Type': 'application/json' }
  return bytes === undefined ? {} : { 'Content-Type': 'application/octet-stream' }
}

function queryText(query: Query): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue
    given.set(name, value instanceof Date ? value.toISOString() : String(value))
  }
  return given.size === 0 ? '' : `?${given.toString()}`
}
