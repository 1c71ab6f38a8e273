import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { type Database, openDatabase } from '../../src/db/connect.ts'
import type { Signal } from '../../src/db/signal.ts'
import { openSignals, type Signals } from '../../src/db/signals.ts'
import { openLog } from '../../src/log.ts'
import { openLine } from '../support/line.ts'
import { createDatabase } from '../support/postgres.ts'

const log = openLog('test', { base: 'silent', scopes: {} }).root
const deadline = { timeout: 10_000, interval: 10 }
let scratch: Awaited<ReturnType<typeof createDatabase>>
let database: Database

beforeAll(async () => {
  scratch = await createDatabase()
  database = scratch.open({ name: 'test', maxConnections: 3 })
})

afterAll(async () => {
  await database.close()
  await scratch.drop()
})

test('a message reaches the listeners of every node, the sender too, until they are undone', async () => {
  const [here, there] = [await open(), await open()]
  const heard = [collect(here), collect(there)]
  const [taskId, other] = [randomUUID(), randomUUID()]
  const woken = { task: 0, other: 0, undone: 0 }
  there.onTask(taskId, () => (woken.task += 1))
  there.onTask(other, () => (woken.other += 1))
  there.onTask(taskId, () => (woken.undone += 1))()

  here.send({ kind: 'events' })
  here.send({ kind: 'task', taskId })
  here.send(progress(taskId, 7))
  for (const messages of heard) {
    await vi.waitFor(() => {
      expect(messages).toEqual([{ kind: 'events' }, { kind: 'task', taskId }, progress(taskId, 7)])
    }, deadline)
  }
  expect(woken).toEqual({ task: 1, other: 0, undone: 0 })
})

test('what is sent in one go leaves in one notification: equal messages once, of the progress of a task the newest', async () => {
  const signals = await open()
  const heard = collect(signals)
  const payloads = await listenRaw()
  const [first, second] = [randomUUID(), randomUUID()]
  for (let counter = 1; counter <= 500; counter += 1) {
    signals.send({ kind: 'events' })
    signals.send({ kind: 'task', taskId: first })
    signals.send(progress(first, counter))
    signals.send(progress(second, counter))
  }
  await vi.waitFor(() => expect(heard.length).toBeGreaterThanOrEqual(4), deadline)
  expect(heard).toEqual([
    { kind: 'events' },
    { kind: 'task', taskId: first },
    progress(first, 500),
    progress(second, 500),
  ])
  // Others hear of it in the same order, though not at the same time.
  signals.send({ kind: 'pools' })
  await vi.waitFor(() => expect(payloads.some((payload) => payload.includes('pools'))).toBe(true), deadline)
  expect(payloads).toHaveLength(2)
})

test('messages larger than a notification may be arrive whole, many at once', async () => {
  const [here, there] = [await open(), await open()]
  const heard = collect(there)
  // Equal pieces of one transaction would be sent only once, were they not numbered.
  const long = Array.from({ length: 40 }, (_, index) => progress(randomUUID(), index, '🚢'.repeat(2_048)))
  const short = Array.from({ length: 2_000 }, () => ({ kind: 'task', taskId: randomUUID() }) as const)
  for (const message of [...long, ...short]) here.send(message)
  await vi.waitFor(() => expect(heard).toHaveLength(2_040), deadline)
  expect(heard).toEqual([...long, ...short])
})

test('what others write to the channel is passed over, and a listener that throws does not stop the rest', async () => {
  const signals = await open()
  signals.on('task', () => {
    throw new Error('a listener of the test fails')
  })
  const heard = collect(signals)
  for (const payload of [
    '',
    'x',
    '{}',
    '0/1 {',
    '0/1 {}',
    '0/1 [{"kind":"unknown"},7]',
    '1/2 lost',
    '0/2 [',
    '7/9 x',
  ]) {
    await database.sql`SELECT pg_notify('longshore', ${payload})`
  }
  const taskId = randomUUID()
  signals.send({ kind: 'task', taskId })
  await vi.waitFor(() => expect(heard).toEqual([{ kind: 'task', taskId }]), deadline)
})

test('a lost connection is opened again, and followers are told to catch up', async () => {
  const signals = await open()
  const heard = collect(signals)
  const killed = await database.sql`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'longshore signals'`
  expect(killed.count).toBe(1)
  await vi.waitFor(() => expect(heard).toEqual([{ kind: 'events' }]), deadline)
  const taskId = randomUUID()
  signals.send({ kind: 'task', taskId })
  await vi.waitFor(() => expect(heard).toContainEqual({ kind: 'task', taskId }), deadline)
})

test('while the ledger is away sending neither throws nor piles up; once it is back messages flow again', async () => {
  const line = await openLine(scratch.databaseUrl)
  const remote = openDatabase(line.url, { name: 'test', maxConnections: 1 })
  const signals = await openSignals({ sql: remote.sql, listenUrl: line.url, log })
  onTestFinished(async () => {
    await signals.close()
    await remote.close()
    await line.cut()
  })
  const heard = collect(signals)
  await line.cut()
  const lost = Array.from({ length: 30_000 }, () => randomUUID())
  for (const taskId of lost) signals.send({ kind: 'task', taskId })
  await delay(200)
  for (const taskId of lost) signals.send({ kind: 'task', taskId })
  expect(heard).toEqual([])

  await line.mend()
  await vi.waitFor(() => expect(heard).toContainEqual({ kind: 'events' }), deadline)
  const taskId = randomUUID()
  await vi.waitFor(() => {
    signals.send({ kind: 'task', taskId })
    expect(heard).toContainEqual({ kind: 'task', taskId })
  }, deadline)
  expect(heard.length).toBeLessThan(11_000)
})

test('closing sends what still waits', async () => {
  const [here, there] = [await open(), await open()]
  const heard = collect(there)
  const taskIds = Array.from({ length: 100 }, () => randomUUID())
  for (const taskId of taskIds) here.send({ kind: 'task', taskId })
  await here.close()
  here.send({ kind: 'events' })
  await vi.waitFor(() => expect(heard).toHaveLength(100), deadline)
  expect(heard).toEqual(taskIds.map((taskId) => ({ kind: 'task', taskId })))
})

test('opening fails with the reason when the ledger cannot be reached', async () => {
  const line = await openLine(scratch.databaseUrl)
  await line.cut()
  await expect(openSignals({ sql: database.sql, listenUrl: line.url, log })).rejects.toMatchObject({
    code: 'ECONNREFUSED',
  })
})

async function open(): Promise<Signals> {
  const signals = await openSignals({ sql: database.sql, listenUrl: scratch.databaseUrl, log })
  onTestFinished(() => signals.close())
  return signals
}

function collect(signals: Signals): Signal[] {
  const messages: Signal[] = []
  for (const kind of ['events', 'task', 'progress'] as const) signals.on(kind, (message) => messages.push(message))
  return messages
}

function progress(taskId: string, counter: number, fileName = 'a "file" näme.pdf'): Signal {
  const status = 'InProgress'
  const counts = { fileSize: 10, chunksUploaded: 5, chunksTotal: 10, progress: 50.5 }
  const data = { taskId, fileName, ...counts, status, lastActivity: '2026-01-01T00:00:00.000Z' } as const
  return {
    kind: 'progress',
    poolIds: [],
    accountId: randomUUIDOf(taskId),
    taskId,
    epoch: 1,
    counter,
    event: { type: 'upload.progress', data },
  }
}

/** One account per task, so that two messages about a task are equal. */
function randomUUIDOf(taskId: string): string {
  return taskId.split('').toReversed().join('')
}

async function listenRaw(): Promise<string[]> {
  const payloads: string[] = []
  const raw = openDatabase(scratch.databaseUrl, { name: 'raw', maxConnections: 1 })
  onTestFinished(() => raw.close())
  await raw.sql.listen('longshore', (payload) => payloads.push(payload))
  return payloads
}
