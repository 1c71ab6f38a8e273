import { z } from 'zod'
import { signToken } from '../../../src/auth/token.ts'
import { readEventStream } from '../../../src/client/event-stream.ts'
import type { Random } from '../random.ts'
import type { Server } from '../servers.ts'
import { pause } from '../wait.ts'
import { Journal } from './journal.ts'
import { stay } from './stay.ts'

export type StreamerOptions = {
  account: string
  taskId: string
  apis: readonly Server[]
  secret: string
  random: Random
  signal: AbortSignal
}

const fields = z.record(z.string(), z.unknown())

/** Follows one task by server-sent events, coming and going, until it is told that there is nothing more. */
export class Streamer {
  readonly journal = new Journal()
  readonly taskId: string
  readonly #options: StreamerOptions
  #lastId: string | undefined
  visits = 0

  constructor(options: StreamerOptions) {
    this.#options = options
    this.taskId = options.taskId
  }

  get name(): string {
    return `the stream of ${this.taskId}`
  }

  /** Resolves when it was answered 204: the task has ended, and it knows all. */
  async follow(): Promise<void> {
    const { random, signal } = this.#options
    for (;;) {
      signal.throwIfAborted()
      if ((await this.#visit(random.whole(50, 3000))) === 204) return
      await pause(random.whole(0, 1000), signal)
    }
  }

  async #visit(stayMs: number): Promise<number | undefined> {
    const { account, taskId, apis, random, secret, signal } = this.#options
    const url = random.shuffle(apis)[0]?.url() ?? ''
    if (url === '') return undefined
    const token = await signToken(secret, { account, admin: false, expiresInSeconds: 60 })
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
      ...(this.#lastId === undefined ? {} : { 'last-event-id': this.#lastId }),
    }
    this.visits += 1
    try {
      return await stay(stayMs, signal, async (leave) => {
        const { status, body } = await fetch(`${url}/api/tasks/${taskId}/events`, { headers, signal: leave })
        if (![200, 204, 503].includes(status)) this.journal.complaints.push(`was answered ${status}`)
        if (status === 200 && body !== null) await this.#read(body)
        return status
      })
    } catch {
      // It went, or the process died.
      return undefined
    }
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    for await (const { id, type, data } of readEventStream(body, () => {})) {
      if (id === undefined) continue
      this.journal.note(type, fields.parse(JSON.parse(data)))
      this.#lastId = id
    }
  }
}
