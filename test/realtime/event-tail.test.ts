import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { type Database, openDatabase, type Sql } from '../../src/db/connect.ts'
import { openSignals } from '../../src/db/signals.ts'
import { openLog } from '../../src/log.ts'
import { type EventBatch, followEvents } from '../../src/realtime/event-tail.ts'
import { type Line, openLine } from '../support/line.ts'
import { createDatabase } from '../support/postgres.ts'

const log = openLog('test', { base: 'silent', scopes: {} }).root
const deadline = { timeout: 10_000, interval: 10 }
const silent = { on: () => () => {} }
let scratch: Awaited<ReturnType<typeof createDatabase>>
let database: Database
let taskId: string

beforeAll(async () => {
  scratch = await createDatabase()
  database = scratch.open({ name: 'test', maxConnections: 4 })
  taskId = randomUUID()
  await database.sql`INSERT INTO tasks (id, account_id, type, name, status, parameters)
    VALUES (${taskId}, ${randomUUID()}, 'Test', 'test', 'InProgress', '{}')`
})

afterAll(async () => {
  await database.close()
  await scratch.drop()
})

test('an event is handed on at once after a signal, long before the poll', async () => {
  const signals = await openSignals({ sql: database.sql, listenUrl: scratch.databaseUrl, log })
  onTestFinished(() => signals.close())
  const seen = await follow(database.sql, signals)
  const latenciesMs: number[] = []
  for (let round = 0; round < 20; round += 1) {
    const seq = await append()
    const sentMs = performance.now()
    signals.send({ kind: 'events' })
    await vi.waitFor(() => expect(seen.at(-1)).toBe(seq), { timeout: 5_000, interval: 1 })
    latenciesMs.push(performance.now() - sentMs)
  }
  expect(latenciesMs.toSorted((left, right) => left - right)[10]).toBeLessThan(200)
})

test('without any signal the poll finds it', async () => {
  const seen = await follow(database.sql, silent)
  const seq = await append()
  await vi.waitFor(() => expect(seen).toEqual([seq]), deadline)
})

test('a signal during a read, or right after one, is not lost', async () => {
  const ring = { now: () => {} }
  const signals = {
    on: (_kind: 'events', listener: () => void) => {
      ring.now = listener
      return () => {}
    },
  }
  const seen = await follow(database.sql, signals)
  for (let round = 0; round < 50; round += 1) {
    ring.now()
    const seq = await append()
    ring.now()
    // Sooner than the poll would find it.
    await vi.waitFor(() => expect(seen.at(-1)).toBe(seq), { timeout: 800, interval: 1 })
  }
})

test('what comes while nobody listens is left out, and nothing of what comes afterwards', async () => {
  const isHeard = vi.fn(() => false)
  const seen = await follow(database.sql, silent, { isHeard })
  await append()
  const asked = isHeard.mock.calls.length
  // Twice by each read, before it and after it: one of them began after the event was there.
  await vi.waitFor(() => expect(isHeard.mock.calls.length).toBeGreaterThan(asked + 4), deadline)
  isHeard.mockReturnValue(true)
  const seq = await append()
  await vi.waitFor(() => expect(seen.at(-1)).toBe(seq), deadline)
  expect(seen).toEqual([seq])
})

test('who comes during a read that leaves events out is told of them', async () => {
  const answers = [false]
  const seen = await follow(database.sql, silent, { isHeard: () => answers.shift() ?? true })
  const seq = await append()
  await vi.waitFor(() => expect(seen).toEqual([seq]), deadline)
})

test('after an outage it goes on where it was: nothing is missed and nothing comes twice', async () => {
  const line = await openLine(scratch.databaseUrl)
  const remote = openDatabase(line.url, { name: 'tail', maxConnections: 1 })
  const signals = await openSignals({ sql: remote.sql, listenUrl: line.url, log })
  onTestFinished(async () => {
    await signals.close()
    await remote.close()
    await line.cut()
  })
  const lines: string[] = []
  const written = { write: (text: string) => void lines.push(text) }
  const seen = await follow(remote.sql, signals, {
    tailLog: openLog('test', { base: 'warn', scopes: {} }, written).root,
  })
  const seqs = [await append()]
  signals.send({ kind: 'events' })
  await vi.waitFor(() => expect(seen).toEqual(seqs), deadline)
  for (let outage = 0; outage < 2; outage += 1) {
    await missWhileCut(line, seqs)
    // It has tried to read, and said so once.
    await vi.waitFor(() => expect(lines).toHaveLength(outage + 1), deadline)
    expect(seen).toHaveLength(seqs.length - 5)
    await line.mend()
    await vi.waitFor(() => expect(seen).toEqual(seqs), deadline)
  }
})

test('a follower that throws is given the next events all the same; after closing it is given none', async () => {
  const given: number[] = []
  const tail = followEvents({
    sql: database.sql,
    signals: silent,
    log,
    onReset: () => {},
    onBatch: ({ events }) => {
      given.push(...events.map((event) => event.seq))
      throw new Error('a follower of the test fails')
    },
  })
  await tail.started
  const first = await append()
  await vi.waitFor(() => expect(given).toEqual([first]), deadline)
  const second = await append()
  await vi.waitFor(() => expect(given).toEqual([first, second]), deadline)
  tail.close()
  const seen = await follow(database.sql, silent)
  const third = await append()
  await vi.waitFor(() => expect(seen).toEqual([third]), deadline)
  expect(given).toEqual([first, second])
})

async function follow(
  sql: Sql,
  signals: Parameters<typeof followEvents>[0]['signals'],
  { tailLog = log, ...heard }: { tailLog?: typeof log; isHeard?: () => boolean } = {},
): Promise<number[]> {
  const seen: number[] = []
  const onBatch = ({ events }: EventBatch) => void seen.push(...events.map((event) => event.seq))
  const tail = followEvents({ sql, signals, log: tailLog, onBatch, onReset: () => {}, ...heard })
  onTestFinished(tail.close)
  await tail.started
  return seen
}

async function append(): Promise<number> {
  const [row] = await database.sql<[{ seq: number }]>`
    WITH task AS (UPDATE tasks SET last_seq = last_seq + 1 WHERE id = ${taskId} RETURNING id, account_id, last_seq)
    INSERT INTO task_events (task_id, seq, account_id, type, data)
    SELECT id, last_seq, account_id, 'noted', '{}' FROM task RETURNING seq`
  return row.seq
}

async function missWhileCut(line: Line, seqs: number[]): Promise<void> {
  await line.cut()
  for (let round = 0; round < 5; round += 1) seqs.push(await append())
}
