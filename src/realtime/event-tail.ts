import { setTimeout as delay } from 'node:timers/promises'
import type { Sql } from '../db/connect.ts'
import { type FeedEvent, type FeedRead, readNewEvents } from '../db/event-feed.ts'
import type { Log } from '../log.ts'

export type EventTail = {
  /** Fulfilled once the tail knows where it begins: every event committed after that is delivered. */
  started: Promise<void>
  /** Stops following; what a read under way finds is not delivered any more. */
  close: () => void
}

type TailOptions = {
  sql: Sql
  signals: { on: (kind: 'events', listener: () => void) => () => void }
  log: Log
  onEvents: (events: FeedEvent[]) => void
}

const pollMs = 1_000
/** Reads follow each other no faster, so that a busy ledger is read in batches. */
const minGapMs = 5
const firstRetryMs = 50
const maxRetryMs = 1_000

/**
 * Calls `onEvents` with every event committed from now on, each once and those of a task in order: at once on a signal,
 * within a second without one. While the ledger is away it keeps its place, and goes on from there.
 */
export function followEvents(options: TailOptions): EventTail {
  const closing = new AbortController()
  const bell = createBell()
  const stopListening = options.signals.on('events', bell.ring)
  let announceStart = () => {}
  const started = new Promise<void>((resolve) => {
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

async function follow(options: TailOptions, bell: Bell, closing: AbortSignal, onStart: () => void): Promise<void> {
  let cursor: string | undefined
  let retryMs = 0
  while (!closing.aborted) {
    // Cleared before the read: a signal during it may be about a row that it did not see.
    bell.clear()
    const read = await tryRead(options, cursor, retryMs)
    if (closing.aborted) return
    if (read === undefined) {
      retryMs = Math.min(maxRetryMs, retryMs * 2 || firstRetryMs)
      await pause(retryMs, closing)
      continue
    }
    if (retryMs > 0) options.log.info('following events again')
    retryMs = 0
    cursor = read.cursor
    onStart()
    if (read.events.length > 0) hand(options, read.events)
    await pause(minGapMs, closing)
    await bell.rung(pollMs)
  }
}

async function tryRead(
  { sql, log }: TailOptions,
  cursor: string | undefined,
  retryMs: number,
): Promise<FeedRead | undefined> {
  try {
    return await readNewEvents(sql, cursor)
  } catch (error) {
    // Once per outage is enough to say so.
    if (retryMs === 0) log.warn({ err: error }, 'events cannot be read; trying again')
    return undefined
  }
}

function hand({ onEvents, log }: TailOptions, events: FeedEvent[]): void {
  try {
    onEvents(events)
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
