import type { RoomSnapshot } from '../contract/realtime.ts'
import type { Query, Sql } from '../db/connect.ts'
import {
  countMissedEvents,
  type EventFilter,
  type MissedEvent,
  type Position,
  readMissedEvents,
} from '../db/event-replay.ts'
import { readGivenAgain } from '../db/event-feed.ts'
import { below, covers, parseSnapshot, type Snapshot } from '../db/snapshot.ts'
import { AppError } from '../errors.ts'
import { type Cursor, decodeCursor } from './cursor.ts'
import type { Hub } from './hub.ts'

export type ReplayLimits = {
  /** A cursor that is older than this is not replayed from. */
  maxAgeMs: number
  /** More missed events than this are not told any more. */
  maxEvents: number
}

/** Why a client is told how things stand instead of what it missed. */
export type Reset = 'foreign' | 'too-old'

/** The position that a cursor names, or why it does not count here. */
export async function positionOf(
  query: Query,
  text: string,
  ledger: Hub['ledger'],
  { maxAgeMs }: ReplayLimits,
): Promise<{ position: Position } | { reset: Reset }> {
  const cursor: Cursor | undefined = decodeCursor(text)
  if (cursor?.ledgerId !== ledger.ledgerId) return { reset: 'foreign' }
  if ((ledger.toldAt - cursor.toldAt) * 1000 > maxAgeMs) return { reset: 'too-old' }
  if (cursor.toldAt >= ledger.serverStart) return { position: cursor.position }
  return { position: await keptPosition(query, cursor.position) }
}

/** What a position of before the server's last start is worth now: it may know numbers that were given out anew. */
async function keptPosition(query: Query, { seen, within }: Position): Promise<Position> {
  const first = await readGivenAgain(query, Math.max(seen.xmax, within?.upto.xmax ?? 0))
  return {
    seen: below(seen, first),
    ...(within === undefined ? {} : { within: { ...within, upto: below(within.upto, first) } }),
  }
}

export type Page = {
  events: readonly (MissedEvent & { position: Position })[]
  /** Where the reader is after the page. */
  position: Position
  more: boolean
  snapshot: RoomSnapshot | null
}

export type PageRequest = {
  filter: EventFilter
  /** Undefined when nothing is to be made up. */
  position: Position | undefined
  limit: number
  readSnapshot: ((query: Query) => Promise<RoomSnapshot>) | undefined
}

/**
 * Reads what a reader missed, and the room's snapshot as of the same moment. Answers `foreign` for a position that the
 * ledger has not been at. Throws DATABASE_UNAVAILABLE when the ledger has changed and its events are not followed yet.
 */
export async function readPage(sql: Sql, ledger: Hub['ledger'], request: PageRequest): Promise<Page | 'foreign'> {
  const { readSnapshot } = request
  if (readSnapshot === undefined) return readEvents(sql, ledger, request, null)
  return sql.begin('isolation level repeatable read read only', async (query) => {
    const snapshot = await readSnapshot(query)
    return readEvents(query, ledger, request, snapshot)
  })
}

async function readEvents(
  query: Query,
  ledger: Hub['ledger'],
  { filter, position, limit }: PageRequest,
  snapshot: RoomSnapshot | null,
): Promise<Page | 'foreign'> {
  const nothing: Position = { seen: { xmin: Number.MAX_SAFE_INTEGER, xmax: Number.MAX_SAFE_INTEGER, running: [] } }
  const read = await readMissedEvents(query, filter, position ?? nothing, limit)
  const upto = parseSnapshot(read.cursor)
  if (upto === undefined || read.serverStart !== ledger.serverStart) throw ledgerChanged()
  if (position !== undefined && !covers(upto, position.within?.upto ?? position.seen)) return 'foreign'
  const events = read.events.map((event) => ({ ...event, position: after(event, position, upto) }))
  const last = events.at(-1)
  return { events, position: read.more && last ? last.position : { seen: upto }, more: read.more, snapshot }
}

/** Where a reader is who knows this event and what comes before it in the order of a replay. */
function after(event: MissedEvent, from: Position | undefined, now: Snapshot): Position {
  const { taskId, seq, isNew } = event
  const { seen, within } = from ?? { seen: now }
  if (!isNew && within) return { seen, within: { upto: within.upto, taskId, seq } }
  return { seen: within?.upto ?? seen, within: { upto: now, taskId, seq } }
}

/** Whether more was missed than is told. */
export async function isTooMuch(
  sql: Sql,
  filter: EventFilter,
  position: Position,
  { maxEvents }: ReplayLimits,
): Promise<boolean> {
  return (await countMissedEvents(sql, filter, position, maxEvents + 1)) > maxEvents
}

function ledgerChanged(): AppError {
  return new AppError('DATABASE_UNAVAILABLE', 'The database has been replaced by another one. Try again in a moment.')
}
