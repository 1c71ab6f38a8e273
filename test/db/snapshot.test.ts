import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Database, openDatabase } from '../../src/db/connect.ts'
import { covers, formatSnapshot, parseSnapshot, sees } from '../../src/db/snapshot.ts'
import { createDatabase } from '../support/postgres.ts'

let scratch: Awaited<ReturnType<typeof createDatabase>>
let database: Database

beforeAll(async () => {
  scratch = await createDatabase()
  database = openDatabase(scratch.databaseUrl, { name: 'test', maxConnections: 1 })
})

afterAll(async () => {
  await database.close()
  await scratch.drop()
})

test('a snapshot sees what Postgres says it does', async () => {
  for (const text of ['10:10:', '10:20:', '10:20:10,14,15', '10:20:10,11,12,13,14,15,16,17,18,19']) {
    const snapshot = parseSnapshot(text)
    if (snapshot === undefined) throw new Error(`not understood: ${text}`)
    expect(formatSnapshot(snapshot)).toBe(text)
    const rows = await database.sql<{ xid: number; visible: boolean }[]>`
      select n::bigint as xid, pg_visible_in_snapshot(n::text::xid8, ${text}::pg_snapshot) as visible from generate_series(1, 30) n`
    expect(rows.map(({ xid }) => sees(snapshot, xid))).toEqual(rows.map(({ visible }) => visible))
  }
})

test('the snapshot of now is understood', async () => {
  const [row] = await database.sql<[{ now: string }]>`select pg_current_snapshot()::text as now`
  expect(parseSnapshot(row.now)).toBeDefined()
})

test.each([
  '',
  '1',
  '1:2',
  '0:2:',
  '2:1:',
  '1:2:3',
  '1:5:3,2',
  '1:5:3,3',
  '1:5:3,',
  '1:5:x',
  'x:5:',
  '1:99999999999999999:',
  '1:9999999999999999:',
])('%j is no snapshot', (text) => {
  expect(parseSnapshot(text)).toBeUndefined()
})

test.each([
  ['10:20:', '10:20:', true],
  ['10:21:', '10:20:', true],
  ['10:20:', '10:21:', false],
  ['10:20:15', '10:20:15', true],
  ['10:20:', '10:20:15', true],
  ['10:20:15', '10:20:', false],
  ['15:30:15,20', '10:20:12,15', true],
  ['15:30:15,19', '10:20:12,15', false],
])('%s covers %s: %s', (one, other, answer) => {
  const [left, right] = [parseSnapshot(one), parseSnapshot(other)]
  expect(left && right && covers(left, right)).toBe(answer)
})
