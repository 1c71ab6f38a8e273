import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Database, Sql, Tx } from '../../src/db/connect.ts'
import { type FeedEvent, readNewEvents } from '../../src/db/event-feed.ts'
import { createDatabase } from '../support/postgres.ts'

const writers = 8
const account = randomUUID()
let scratch: Awaited<ReturnType<typeof createDatabase>>
let database: Database

beforeAll(async () => {
  scratch = await createDatabase()
  database = scratch.open({ name: 'test', maxConnections: writers + 3 })
})

afterAll(async () => {
  await database.close()
  await scratch.drop()
})

test('reading begins now: what was committed before is not answered, what comes after is, with its data', async () => {
  const { sql } = database
  const taskId = await insertTask(sql)
  await appendTo(sql, taskId)

  const start = await readNewEvents(sql, undefined)
  expect(start.events).toEqual([])
  expect((await readNewEvents(sql, start.cursor)).events).toEqual([])

  await appendTo(sql, taskId, { fileName: 'a_b c', nested: { some_key: [1, null] } })
  const next = await readNewEvents(sql, start.cursor)
  expect(next.events).toEqual([
    {
      taskId,
      seq: 2,
      accountId: account,
      type: 'noted',
      data: { fileName: 'a_b c', nested: { some_key: [1, null] } },
      xid: expect.any(Number),
      poolIds: [],
    },
  ])
  expect((await readNewEvents(sql, next.cursor)).events).toEqual([])
})

test('an event is answered once its transaction commits, though younger ones committed and were read before', async () => {
  const { sql } = database
  const [slow, quick, undone] = await Promise.all([insertTask(sql), insertTask(sql), insertTask(sql)])
  const { cursor } = await readNewEvents(sql, undefined)
  const oldest = await openTransaction(sql, (tx) => appendTo(tx, slow))
  const aborted = await openTransaction(sql, (tx) => appendTo(tx, undone))
  await appendTo(sql, quick)

  const first = await readNewEvents(sql, cursor)
  expect(first.events.map((event) => event.taskId)).toEqual([quick])

  await aborted.end('rollback')
  await oldest.end('commit')
  const second = await readNewEvents(sql, first.cursor)
  expect(second.events.map((event) => event.taskId)).toEqual([slow])
  expect((await readNewEvents(sql, second.cursor)).events).toEqual([])
})

test('many transactions that commit in another order than they began: each event exactly once, each task in order', async () => {
  const { sql } = database
  const tasks = await Promise.all(Array.from({ length: 40 }, () => insertTask(sql)))
  const { cursor } = await readNewEvents(sql, undefined)
  const writing = Promise.all(Array.from({ length: writers }, () => writeAtRandom(sql, tasks, 40)))
  const read = await readUntil(sql, cursor, writing)

  const written = await sql<{ taskId: string; seq: number }[]>`
    SELECT task_id, seq FROM task_events WHERE task_id IN ${sql(tasks)} ORDER BY task_id, seq`
  expect(written.length).toBeGreaterThan(200)
  expect(read.map(nameOf).toSorted()).toEqual(written.map(nameOf).toSorted())
  for (const taskId of tasks) {
    const seqs = read.filter((event) => event.taskId === taskId).map((event) => event.seq)
    expect(seqs).toEqual(seqs.toSorted((left, right) => left - right))
  }
})

test('a read touches the new rows alone, also while an old transaction holds the horizon back', async () => {
  const { sql } = database
  const [holder, taskId] = await Promise.all([insertTask(sql), insertTask(sql)])
  const held = await openTransaction(sql, (tx) => appendTo(tx, holder))
  await fill(sql, taskId)
  let { cursor } = await readNewEvents(sql, undefined)
  const used = await sql.begin(async (tx) => {
    const before = await usage(tx)
    // More often than the five times after which Postgres may turn to a plan for any cursor.
    for (let round = 0; round < 12; round += 1) {
      await appendTo(sql, taskId)
      const next = await readNewEvents(tx, cursor)
      expect(next.events).toHaveLength(1)
      cursor = next.cursor
    }
    await held.end('commit')
    expect((await readNewEvents(tx, cursor)).events.map((event) => event.taskId)).toEqual([holder])
    const after = await usage(tx)
    return { tableScans: after.tableScans - before.tableScans, indexRows: after.indexRows - before.indexRows }
  })
  expect(used.tableScans).toBe(0)
  // 13 events were new, of 20,000; an index scan counts each more than once.
  expect(used.indexRows).toBeLessThan(60)
})

async function insertTask(sql: Sql): Promise<string> {
  const id = randomUUID()
  await sql`INSERT INTO tasks (id, account_id, type, name, status, parameters)
    VALUES (${id}, ${account}, 'Test', 'test', 'InProgress', '{}')`
  return id
}

async function appendTo(sql: Sql | Tx, taskId: string, data: Json = {}): Promise<void> {
  await sql`
    WITH task AS (UPDATE tasks SET last_seq = last_seq + 1 WHERE id = ${taskId} RETURNING id, account_id, last_seq)
    INSERT INTO task_events (task_id, seq, account_id, type, data)
    SELECT id, last_seq, account_id, 'noted', ${sql.json(data)} FROM task`
}

type Json = Parameters<Sql['json']>[0]

/** A transaction that has done its work and waits to be told how to end. */
async function openTransaction(
  sql: Sql,
  work: (tx: Tx) => Promise<void>,
): Promise<{ end: (how: 'commit' | 'rollback') => Promise<void> }> {
  let decide: (how: 'commit' | 'rollback') => void = () => {}
  const decided = new Promise<'commit' | 'rollback'>((resolve) => {
    decide = resolve
  })
  const undo = new Error('undo')
  let done: Promise<unknown> = Promise.resolve()
  await new Promise<void>((worked, failed) => {
    done = sql
      .begin(async (tx) => {
        await work(tx)
        worked()
        if ((await decided) === 'rollback') throw undo
      })
      .catch((error: unknown) => {
        if (error !== undo) failed(new Error('the transaction failed', { cause: error }))
      })
  })
  return {
    end: async (how) => {
      decide(how)
      await done
    },
  }
}

async function writeAtRandom(sql: Sql, tasks: string[], rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    // Locked in one order, so that writers wait for each other but never deadlock.
    const chosen = tasks.filter(() => Math.random() < 0.05).toSorted()
    const transaction = await openTransaction(sql, async (tx) => {
      for (const taskId of chosen) await appendTo(tx, taskId)
    })
    await delay(Math.random() * 10)
    await transaction.end(Math.random() < 0.1 ? 'rollback' : 'commit')
  }
}

async function readUntil(sql: Sql, start: string, writing: Promise<unknown>): Promise<FeedEvent[]> {
  const read: FeedEvent[] = []
  let cursor = start
  let written = false
  const settled = writing.finally(() => {
    written = true
  })
  for (let last = false; !last; ) {
    last = written
    const next = await readNewEvents(sql, cursor)
    read.push(...next.events)
    cursor = next.cursor
  }
  await settled
  return read
}

function nameOf({ taskId, seq }: { taskId: string; seq: number }): string {
  return `${taskId} ${seq}`
}

async function fill(sql: Sql, taskId: string): Promise<void> {
  for (let part = 1; part <= 20; part += 1) {
    await sql`INSERT INTO task_events (task_id, seq, account_id, type, data)
      SELECT ${taskId}, ${part * 10_000}::integer + step, ${account}, 'filler', '{}' FROM generate_series(1, 1000) AS step`
  }
  await sql`ANALYZE task_events`
}

type Usage = { tableScans: number; indexRows: number }

/** What this connection did to the table in the transaction so far. */
async function usage(tx: Tx): Promise<Usage> {
  const [row] = await tx<[Usage]>`
    SELECT seq_scan AS table_scans, idx_tup_fetch AS index_rows
    FROM pg_stat_xact_user_tables WHERE relname = 'task_events'`
  return row
}
