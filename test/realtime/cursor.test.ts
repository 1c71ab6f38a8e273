import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { batchCursors, type Cursor, decodeCursor, encodeCursor } from '../../src/realtime/cursor.ts'

const ledgerId = '0123456789ab'
const seen = { xmin: 740, xmax: 760, running: [741, 750] }
const upto = { xmin: 765, xmax: 765, running: [] }
const within = { upto, taskId: randomUUID(), seq: 2_000_000_000 }

test.each<[string, Cursor['position']]>([
  ['between batches', { seen }],
  ['between batches, nothing running', { seen: upto }],
  ['within a batch', { seen, within }],
  ['in a ledger that is old', { seen: { xmin: 2 ** 52, xmax: 2 ** 53 - 1, running: [2 ** 52, 2 ** 53 - 2] } }],
])('a cursor %s comes back as it was', (_, position) => {
  const cursor = { ledgerId, toldAt: 1_780_000_000.123, position }
  const text = encodeCursor(cursor)
  expect(decodeCursor(text)).toEqual(cursor)
  expect(text).toMatch(/^[0-9a-z.-]+$/)
})

test('the cursors of a batch are those of its places', () => {
  const cursorAt = batchCursors({ ledgerId, toldAt: 1.9004, from: seen, to: upto })
  expect(decodeCursor(cursorAt(within))).toEqual({ ledgerId, toldAt: 1.9, position: { seen, within } })
})

const good = encodeCursor({ ledgerId, toldAt: 1, position: { seen, within } })
const [version, ledger, told, first, second, task, seq] = good.split('.')

test.each([
  '',
  'x',
  '....',
  'null',
  '%00',
  '\u0000',
  good.slice(0, -1).repeat(2),
  good.toUpperCase(),
  `1.${ledger}.${told}.${first}`,
  `${version}.${ledger?.slice(1)}.${told}.${first}`,
  `${version}.${ledger}..${first}`,
  `${version}.${ledger}.${told}.`,
  `${version}.${ledger}.${told}.kk`,
  `${version}.${ledger}.${told}.0-1`,
  `${version}.${ledger}.${told}.k-zzzzzzzzzzz`,
  `${version}.${ledger}.${told}.k-zzzzzzzzzzzz`,
  `${version}.${ledger}.${told}.k-0-0-5`,
  `${version}.${ledger}.${told}.${first}.${second}`,
  `${version}.${ledger}.${told}.${first}.${second}.${task}`,
  `${version}.${ledger}.${told}.${first}.${second}.${task?.slice(1)}.${seq}`,
  `${version}.${ledger}.${told}.${first}.${second}.${task}.zzzzzz`,
  `${good}.1`,
])('%j is no cursor', (text) => {
  expect(decodeCursor(text)).toBeUndefined()
})
