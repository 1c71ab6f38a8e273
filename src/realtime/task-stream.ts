import type { ServerResponse } from 'node:http'
import type { Sql } from '../db/connect.ts'
import { type EventRow, listTaskEvents } from '../db/events.ts'
import type { FeedEvent } from '../db/event-feed.ts'
import { findOwnTaskIds } from '../db/task-lists.ts'
import type { Log } from '../log.ts'
import { getTask } from '../tasks/show.ts'
import { atMoment, tokenExpired } from './admission.ts'
import type { EventBatch } from './event-tail.ts'
import type { Hub, Listener } from './hub.ts'
import { eventPacket, lastProgressOf, notice, type Packet } from './packet.ts'
import { isEnd } from './progress-filter.ts'
import { shownRefusal } from './refusal.ts'
import type { Caller } from './rooms.ts'

export type StreamRequest = {
  taskId: string
  caller: Caller
  /** The number of the last event that the client knows; 0 for none. */
  afterSeq: number
}

export type StreamDeps = { hub: Hub; sql: Sql; recheckMs: number; maxBacklogBytes: number; log: Log }

const heartbeatMs = 15_000

/**
 * Sends a task's events as server-sent events (HTML Standard §9.2), from the one after `afterSeq`: its history, then what
 * comes. The number of an event is its id. Ends after the task's last event, and answers 204 to who knows that already,
 * whereupon a browser does not ask again. Throws TASK_NOT_FOUND before anything was sent. Resolves when it has ended.
 */
export async function streamTask(deps: StreamDeps, request: StreamRequest, response: ServerResponse): Promise<void> {
  const { taskId, caller, afterSeq } = request
  const task = await getTask(deps.sql, { taskId, accountId: caller.account })
  if (task.completedAt !== null && afterSeq >= task.lastSeq) {
    response.writeHead(204).end()
    return
  }
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-store',
    // Otherwise nginx would keep events back until it has a buffer full.
    'X-Accel-Buffering': 'no',
  })
  // The head leaves with what is written first, and there may be nothing to tell for long.
  response.write(':\n\n')
  const stream = new TaskStream(deps, request, response)
  await stream.run()
}

class TaskStream implements Listener {
  readonly client: object = this
  readonly #deps: StreamDeps
  readonly #request: StreamRequest
  readonly #response: ServerResponse
  /** Events that came before the history was sent; undefined once it was. */
  #held: FeedEvent[] | undefined = []
  #lastSeq: number
  #hasEnded = false

  constructor(deps: StreamDeps, request: StreamRequest, response: ServerResponse) {
    this.#deps = deps
    this.#request = request
    this.#response = response
    this.#lastSeq = request.afterSeq
  }

  async run(): Promise<void> {
    const { hub, recheckMs } = this.#deps
    const { taskId, caller } = this.#request
    const room = `task:${taskId}`
    const closed = new Promise<void>((resolve) => this.#response.once('close', resolve))
    const heartbeat = setInterval(() => {
      if (!this.#response.writableEnded) this.#response.write(':\n\n')
    }, heartbeatMs)
    const recheck = setInterval(() => void this.#check(), recheckMs)
    const callOff = caller.expiresAt ? atMoment(caller.expiresAt, () => this.#end(expired())) : () => {}
    hub.listen(room, this)
    try {
      await this.#sendHistory()
      if (!this.#response.destroyed) await closed
    } finally {
      hub.leave(room, this)
      clearInterval(heartbeat)
      clearInterval(recheck)
      callOff()
      this.#response.end()
    }
  }

  onEvent(event: FeedEvent, _batch: EventBatch, _packets: readonly Packet[]): boolean {
    if (this.#held !== undefined) this.#held.push(event)
    else this.#send(event)
    return true
  }

  onProgress({ type, data }: Packet): void {
    if (this.#held === undefined && this.#response.writableLength === 0) this.#write(type, data)
  }

  async #sendHistory(): Promise<void> {
    const { taskId } = this.#request
    for (;;) {
      const events: EventRow[] = await listTaskEvents(this.#deps.sql, taskId, this.#lastSeq)
      for (const event of events) this.#send(event)
      if (events.length === 0 || this.#response.writableEnded) break
      await this.#drained()
    }
    for (const event of this.#held ?? []) this.#send(event)
    this.#held = undefined
    if (this.#hasEnded) this.#end()
  }

  #send(event: Pick<FeedEvent, 'seq' | 'type' | 'data'>): void {
    if (event.seq <= this.#lastSeq || this.#response.writableEnded) return
    // The client asks again, from where it is.
    if (this.#held === undefined && this.#response.writableLength > this.#deps.maxBacklogBytes) return this.#end()
    const last = lastProgressOf(event)
    if (last) this.#write(last.type, last.data)
    const { type, data } = eventPacket(event)
    this.#write(type, data, event.seq)
    this.#lastSeq = event.seq
    // In the history of a task that was tried again there are several ends.
    this.#hasEnded = isEnd(type)
    if (this.#hasEnded && this.#held === undefined) this.#end()
  }

  #write(type: string, data: object, id?: number): void {
    const lines = [...(id === undefined ? [] : [`id: ${id}`]), `event: ${type}`, `data: ${JSON.stringify(data)}`]
    this.#response.write(`${lines.join('\n')}\n\n`)
  }

  #end(last?: Packet): void {
    if (this.#response.writableEnded) return
    if (last) this.#write(last.type, last.data)
    this.#response.end()
  }

  async #drained(): Promise<void> {
    const response = this.#response
    if (!response.writableNeedDrain || response.closed) return
    await new Promise<void>((resolve) => {
      response.once('drain', resolve)
      response.once('close', resolve)
    })
  }

  async #check(): Promise<void> {
    const { taskId, caller } = this.#request
    try {
      const owned = await findOwnTaskIds(this.#deps.sql, caller.account, [taskId])
      if (owned.length === 0) this.#end()
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'it could not be looked at whether a stream may go on')
    }
  }
}

function expired(): Packet {
  return notice('closing', shownRefusal(tokenExpired()))
}
