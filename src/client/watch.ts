import type { EventData, EventType } from '../contract/event.ts'
import type { TaskEventView, TaskView } from '../contract/task.ts'
import type { Api } from './api.ts'
import { backoffMs, isPassing, pause } from './backoff.ts'
import { isRecord, LongshoreError } from './errors.ts'
import { readEventStream } from './event-stream.ts'

/** An event of a task. Those that are kept carry `seq`, their number within the task; progress has none. */
export type WatchedEvent = {
  [Type in EventType]: { type: Type; seq: number | undefined; data: EventData[Type] }
}[EventType]

export type WatchOptions = {
  /** The number of the last event that is known; 0, the default, for the whole history. */
  after?: number | undefined
  signal?: AbortSignal | undefined
  /** How often to ask where events cannot be streamed. */
  pollMs?: number | undefined
}

/** The server sends something every 15 s at the latest. */
const silenceMs = 40_000
/** So often no stream came through though the server answers: something on the way keeps them back, so it asks instead. */
const lostStreamsAtMost = 2

type Watch = { api: Api; taskId: string; signal: AbortSignal | undefined; lastSeq: number; isOver: boolean }

/** The events of a task to its end: streamed, and asked for now and then where streams do not come through. */
export async function* watchTask(
  api: Api,
  taskId: string,
  { after = 0, signal, pollMs = 2000 }: WatchOptions = {},
): AsyncGenerator<WatchedEvent, void, void> {
  const watch: Watch = { api, taskId, signal, lastSeq: after, isOver: false }
  let lostStreams = 0
  let failures = 0
  while (!watch.isOver && lostStreams < lostStreamsAtMost) {
    try {
      for await (const event of streamOnce(watch)) {
        failures = 0
        lostStreams = 0
        yield event
      }
      // A stream ends with the task, or with its server. Asking again, from where it is, tells which.
      if (failures > 0 && !watch.isOver) await pause(backoffMs(failures), signal)
      failures++
    } catch (error) {
      signal?.throwIfAborted()
      if (!isPassing(error)) throw error
      await pause(backoffMs(failures++), signal)
      if (failures < 2) continue
      const events = await pollOnce(watch).catch(() => undefined)
      if (events === undefined) continue
      lostStreams++
      yield* events
    }
  }
  while (!watch.isOver) {
    yield* await pollOnce(watch)
    if (!watch.isOver) await pause(pollMs, signal)
  }
}

async function* streamOnce(watch: Watch): AsyncGenerator<WatchedEvent, void, void> {
  const { api, signal } = watch
  const silent = new AbortController()
  let timer = setTimeout(() => silent.abort(), silenceMs)
  const alive = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => silent.abort(), silenceMs)
  }
  try {
    const response = await api.send({
      path: `/tasks/${encodeURIComponent(watch.taskId)}/events`,
      headers: { Accept: 'text/event-stream', 'Last-Event-ID': String(watch.lastSeq) },
      signal: signal === undefined ? silent.signal : AbortSignal.any([signal, silent.signal]),
      timeoutMs: silenceMs,
      attempts: 1,
    })
    if (response.status === 204) {
      watch.isOver = true
      return
    }
    if (response.body === null) return
    for await (const { id, type, data } of readEventStream(response.body, alive)) {
      const event = eventOf(type, JSON.parse(data), id === undefined ? undefined : Number(id))
      if (event === undefined) continue
      if (event.seq !== undefined) {
        if (event.seq <= watch.lastSeq) continue
        watch.lastSeq = event.seq
      }
      yield event
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof LongshoreError) throw error
    throw new LongshoreError('NETWORK', 'The stream of events broke off.', { cause: error })
  } finally {
    clearTimeout(timer)
    silent.abort()
  }
}

async function pollOnce(watch: Watch): Promise<WatchedEvent[]> {
  const { api, taskId, signal } = watch
  const path = `/tasks/${encodeURIComponent(taskId)}`
  // Asked first: should the task end in between, its last events are still in what is read then.
  const task = await api.json<TaskView>({ path, signal })
  const history = await api.json<TaskEventView[]>({ path: `${path}/events`, query: { after: watch.lastSeq }, signal })
  watch.isOver = task.completedAt !== null && history.length === 0
  if (history.length === 0) return watch.isOver ? [] : [progressOf(task)]
  watch.lastSeq = history.at(-1)?.seq ?? watch.lastSeq
  return history.flatMap(({ seq, type, data }) => eventOf(type, data, seq) ?? [])
}

function progressOf({ taskId, name, type, progress, status, statusMessage, lastActivity }: TaskView): WatchedEvent {
  const data = { taskId, name, type, progress, status, statusMessage, lastActivity }
  return { type: 'task.progress', seq: undefined, data }
}

/** Undefined for what is not about the task, such as why the server ends a stream. */
function eventOf(type: string, data: unknown, seq: number | undefined): WatchedEvent | undefined {
  if (!/^(task|upload)\./.test(type) || !isRecord(data)) return undefined
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- type and data agree, which the contract promises
  return { type, seq, data } as unknown as WatchedEvent
}
