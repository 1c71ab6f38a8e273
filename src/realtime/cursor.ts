import type { Position } from '../db/event-replay.ts'
import { checkSnapshot, type Snapshot } from '../db/snapshot.ts'

/** Where a client stands in the events of a room, in which ledger, and when it was told so (ledger time in seconds, to the ms). */
export type Cursor = { ledgerId: string; toldAt: number; position: Position }

const version = '2'
const taskIdForm = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/
const ledgerIdForm = /^[0-9a-f]{12}$/
const numberForm = /^[0-9a-z]{1,11}$/

/** Puts a cursor into the text that clients keep and hand back, in characters that need no escaping anywhere. */
export function encodeCursor({ ledgerId, toldAt, position }: Cursor): string {
  const { seen, within } = position
  const head = [version, ledgerId, shorten(Math.floor(toldAt * 1000)), encodeSnapshot(seen)].join('.')
  if (within === undefined) return head
  return `${head}.${encodeSnapshot(within.upto)}${encodePlace(within)}`
}

/** The cursors of one batch, by the event: what they share is encoded once. */
export function batchCursors(batch: {
  ledgerId: string
  toldAt: number
  from: Snapshot
  to: Snapshot
}): (place: { taskId: string; seq: number }) => string {
  const { ledgerId, toldAt, from, to } = batch
  const head = `${encodeCursor({ ledgerId, toldAt, position: { seen: from } })}.${encodeSnapshot(to)}`
  return (place) => head + encodePlace(place)
}

/** Reads a cursor; undefined for what this version has not written. */
export function decodeCursor(text: string): Cursor | undefined {
  const [written, ledgerId = '', toldAt = '', seenText = '', uptoText, taskIdText, seqText, ...rest] = text.split('.')
  const seen = decodeSnapshot(seenText)
  if (written !== version || rest.length > 0 || !seen || !ledgerIdForm.test(ledgerId) || !numberForm.test(toldAt)) {
    return undefined
  }
  const told = Number.parseInt(toldAt, 36) / 1000
  if (uptoText === undefined) return { ledgerId, toldAt: told, position: { seen } }
  const upto = decodeSnapshot(uptoText)
  const taskId = taskIdForm
    .exec(taskIdText ?? '')
    ?.slice(1)
    .join('-')
  if (!upto || taskId === undefined || !numberForm.test(seqText ?? '')) return undefined
  const seq = Number.parseInt(seqText ?? '', 36)
  if (seq >= 2 ** 31) return undefined
  return { ledgerId, toldAt: told, position: { seen, within: { upto, taskId, seq } } }
}

/** Each number as its distance from the one before: those of a snapshot lie close together. */
function encodeSnapshot({ xmin, xmax, running }: Snapshot): string {
  let last = xmin
  const distances = [...running, xmax].map((xid) => {
    const distance = xid - last
    last = xid
    return shorten(distance)
  })
  return [shorten(xmin), ...distances].join('-')
}

function decodeSnapshot(text: string): Snapshot | undefined {
  const parts = text.split('-')
  if (parts.length < 2 || !parts.every((part) => numberForm.test(part))) return undefined
  let last = 0
  const numbers = parts.map((part) => {
    last += Number.parseInt(part, 36)
    return last
  })
  const [xmin = 0] = numbers
  return checkSnapshot({ xmin, running: numbers.slice(1, -1), xmax: numbers.at(-1) ?? 0 })
}

function encodePlace({ taskId, seq }: { taskId: string; seq: number }): string {
  return `.${taskId.replaceAll('-', '')}.${shorten(seq)}`
}

function shorten(value: number): string {
  return value.toString(36)
}
