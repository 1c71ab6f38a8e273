import { setTimeout as delay } from 'node:timers/promises'
import type { Sql } from '../db/connect.ts'
import { type FeedEvent, type FeedRead, readGivenAgain, readNewEvents } from '../db/event-feed.ts'
import { readLedgerId } from '../db/ledger-id.ts'
import { below, covers, formatSnapshot, parseSnapshot, type Snapshot } from '../db/snapshot.ts'
import type { Log } from '../log.ts'
import { batchCursors } from './cursor.ts'

/** What one read found: what `to` sees and `from`, the `to` of the batch before, does not. By task and seq. */
export type EventBatch = {
  events: readonly FeedEvent[]
  from: Snapshot
  to: Snapshot
  ledgerId: string
  /** When the server that was read was started. */
  serverStart: number
  /** The ledger's time in seconds. */
  toldAt: number
  /** The cursor of who knows this event, what comes before it in the batch, and all that `from` sees. */
  cursorAt: (place: { taskId: string; seq: number }) => string
}

export type EventTail = {
  /** Fulfilled once the tail knows where it begins, with a batch without events: every event committed later is delivered. */
  started: Promise<EventBatch>
  /** Stops following; what a read under way finds is not delivered any more. */
  close: () => void
}

type TailOptions = {
  sql: Sql
  signals: { on: (kind: 'events', listener: () => void) => () => void }
  log: Log
  onBatch: (batch: EventBatch) => void
  /** Told when the ledger is another one than before, such as a standby that took over: what came in between is not known. */
  onReset: (batch: EventBatch) => void
  /** Whether anybody is there to be told. While nobody is, batches come without events. Without it, always. */
  isHeard?: () => boolean
  /** Told how old the oldest event was of each read that found any, in seconds. */
  onLag?: (seconds: number) => void
}

const pollMs = 1_000
/** Between two reads, twice what the last one took within these bounds: a busy ledger is read in batches. */
const minGapMs = 2
const maxGapMs = 5
const firstRetryMs = 50
const maxRetryMs = 1_000

/**
 * Calls `onBatch` with every event committed from now on, each once and those of a task in order: at once on a signal,
 * within a second without one. While the ledger is away it keeps its place, and goes on from there.
 */
export function followEvents(options: TailOptions): EventTail {
  const closing = new AbortController()
  const bell = createBell()
  const stopListening = options.signals.on('events', bell.ring)
  let announceStart = (_batch: EventBatch): void => {}
  const started = new Promise<EventBatch>((resolve) => {
    announceStart = resolve
  })
  void follow(options, bell, closing.signal, announceStart)
  return {
    started,
    close: () => {
      stopListening()
      closing.abort()
      bell.ring()
    },
  }
}

async function follow(
  options: TailOptions,
  bell: Bell,
  closing: AbortSignal,
  onStart: (batch: EventBatch) => void,
): Promise<void> {
  let last: Place | undefined
  let retryMs = 0
  while (!closing.aborted) {
    // Cleared before the read: a signal during it may be about a row that it did not see.
    bell.clear()
    const startedMs = performance.now()
    const read = await tryRead(options, last, retryMs)
    const tookMs = performance.now() - startedMs
    if (closing.aborted) return
    if (read === undefined) {
      retryMs = Math.min(maxRetryMs, retryMs * 2 || firstRetryMs)
      await pause(retryMs, closing)
      continue
    }
    if (retryMs > 0) options.log.info('following events again')
    retryMs = 0
    // Somebody came during a read that left the events out, and may have seen less than it did.
    if (read.leftOut && isHeard(options)) continue
    last = read.place
    if (read.kind === 'start') onStart(read.batch)
    else {
      if (read.lagSeconds !== undefined) options.onLag?.(read.lagSeconds)
      hand(options, read.kind === 'reset' ? options.onReset : options.onBatch, read.batch)
    }
    await pause(Math.min(maxGapMs, Math.max(minGapMs, 2 * tookMs)), closing)
    await bell.rung(pollMs)
  }
}

type Place = { cursor: string; snapshot: Snapshot; ledgerId: string; serverStart: number }
type Read = {
  kind: 'start' | 'next' | 'reset'
  batch: EventBatch
  place: Place
  leftOut: boolean
  lagSeconds: number | undefined
}

function isHeard(options: TailOptions): boolean {
  return options.isHeard?.() ?? true
}

async function tryRead(options: TailOptions, last: Place | undefined, retryMs: number): Promise<Read | undefined> {
  try {
    return await readOn(options.sql, last, { leaveOut: last !== undefined && !isHeard(options) })
  } catch (error) {
    // Once per outage is enough to say so.
    if (retryMs === 0) options.log.warn({ err: error }, 'events cannot be read; trying again')
    return undefined
  }
}

async function readOn(sql: Sql, last: Place | undefined, { leaveOut }: { leaveOut: boolean }): Promise<Read> {
  const { after, read } = await readAfter(sql, last, leaveOut)
  const { events, cursor, serverStart, now: toldAt, oldestAt } = read
  const to = parseSnapshot(cursor)
  if (to === undefined) throw new Error(`not a snapshot: ${cursor}`)
  const ledgerId = last?.serverStart === serverStart ? last.ledgerId : await readLedgerId(sql)
  const place = { cursor, snapshot: to, ledgerId, serverStart }
  const shared = { ledgerId, serverStart, toldAt, to }
  const goesOn = after !== undefined && last?.ledgerId === ledgerId && covers(to, after)
  const from = goesOn ? after : to
  const cursorAt = lazily(() => batchCursors({ ...shared, from }))
  const batch = {
    ...shared,
    from,
    events: goesOn ? events : [],
    cursorAt: (at: Parameters<EventBatch['cursorAt']>[0]) => cursorAt()(at),
  }
  const lagSeconds = goesOn && oldestAt !== null ? toldAt - oldestAt : undefined
  return { kind: last === undefined ? 'start' : goesOn ? 'next' : 'reset', batch, place, leftOut: leaveOut, lagSeconds }
}

/** Reads what came after the last place, or nothing but where the ledger is; answers as well after what that was. */
async function readAfter(
  sql: Sql,
  last: Place | undefined,
  leaveOut: boolean,
): Promise<{ after: Snapshot | undefined; read: FeedRead }> {
  const read = await readNewEvents(sql, leaveOut ? undefined : last?.cursor)
  if (last === undefined || read.serverStart === last.serverStart) return { after: last?.snapshot, read }
  // A server that crashed gives out numbers again which the last read has seen.
  const after = below(last.snapshot, await readGivenAgain(sql, last.snapshot.xmax))
  const again = leaveOut ? read : await readNewEvents(sql, formatSnapshot(after))
  if (again.serverStart !== read.serverStart) throw new Error('the database was started anew in the middle of a read')
  return { after, read: again }
}

function lazily<Made>(make: () => Made): () => Made {
  let made: { value: Made } | undefined
  return () => (made ??= { value: make() }).value
}

function hand({ log }: TailOptions, take: (batch: EventBatch) => void, batch: EventBatch): void {
  try {
    take(batch)
  } catch (error) {
    log.error({ err: error }, 'events were read but not handed on')
  }
}

async function pause(timeMs: number, closing: AbortSignal): Promise<void> {
  await delay(timeMs, undefined, { signal: closing }).catch(() => {})
}

type Bell = {
  ring: () => void
  clear: () => void
  /** Waits until the bell rings, unless it has rung since it was cleared, and at most `timeoutMs`. */
  rung: (timeoutMs: number) => Promise<void>
}

function createBell(): Bell {
  let hasRung = false
  let wake = () => {}
  return {
    ring: () => {
      hasRung = true
      wake()
    },
    clear: () => {
      hasRung = false
    },
    rung: async (timeoutMs) => {
      if (hasRung) return
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    },
  }
}
