import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Database, openDatabase } from '../../src/db/connect.ts'
import { openSignals, type Signals } from '../../src/db/signals.ts'
import { decodeCursor, encodeCursor } from '../../src/realtime/cursor.ts'
import { commitEvents, insertTask, ledgerEvents, nameOf, type Writer, writeAtRandom } from '../support/event-writer.ts'
import { silent } from '../support/ledger.ts'
import { createDatabase } from '../support/postgres.ts'
import { ask, type Client, connect, type Received, startNode } from '../support/socket-node.ts'

const deadline = { timeout: 15_000, interval: 10 }
let scratch: Awaited<ReturnType<typeof createDatabase>>
let database: Database
let writer: Writer & { signals: Signals }

beforeAll(async () => {
  scratch = await createDatabase()
  database = openDatabase(scratch.databaseUrl, { name: 'test', maxConnections: 6 })
  const { sql } = database
  writer = { sql, signals: await openSignals({ sql, listenUrl: scratch.databaseUrl, log: silent }) }
})

afterAll(async () => {
  await writer.signals.close()
  await database.close()
  await scratch.drop()
})

const named = (received: readonly Received[]) =>
  received.map(({ data }) => nameOf({ taskId: String(data['taskId']), seq: Number(data['seq']) }))

/** The events of each task have rising numbers without a gap. */
function expectOrder(received: readonly Received[]): void {
  const last = new Map<unknown, number>()
  for (const { data } of received) {
    expect(data['seq']).toBe((last.get(data['taskId']) ?? 0) + 1)
    last.set(data['taskId'], Number(data['seq']))
  }
}

const settled = async (client: Client, count: number) => {
  await vi.waitFor(() => expect(client.received.length).toBeGreaterThanOrEqual(count), deadline)
  return client.received
}

test('whoever comes back with the cursor of his last event gets what he missed, in order, and then what comes', async () => {
  const [one, two] = await Promise.all([startNode(scratch.databaseUrl), startNode(scratch.databaseUrl)])
  const account = randomUUID()
  const [first, second] = [await insertTask(database.sql, account), await insertTask(database.sql, account)]
  const before = await connect(one.url, account)
  await commitEvents(writer, [first])
  const after = (await settled(before, 1))[0]?.after
  before.socket.disconnect()

  await commitEvents(writer, [first, second])
  await commitEvents(writer, [second])
  // At another process, and at once as it connects.
  const room = `account:${account}`
  const again = await connect(two.url, account, { rooms: [{ room, after }] })
  await settled(again, 3)
  await commitEvents(writer, [first])
  await settled(again, 4)
  expect(named(again.received).toSorted()).toEqual(
    [`${first} 2`, `${first} 3`, `${second} 1`, `${second} 2`].toSorted(),
  )
  expect(again.notices).toMatchObject([
    { type: 'subscribed', data: { ok: true, room, replay: 'complete', snapshot: null } },
  ])
  // The same place, told later.
  const place = (cursor: unknown) => decodeCursor(String(cursor))?.position
  expect(place(again.notices[0]?.data['after'])).toEqual(place(after))
})

test('from every place within a batch the rest is told, and nothing twice', async () => {
  const node = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const tasks = await Promise.all(Array.from({ length: 6 }, () => insertTask(database.sql, account)))
  const room = `account:${account}`
  const watcher = await connect(node.url, account)
  const begin = String((await untilNotice(watcher, 'subscribed')).data['after'])
  await commitEvents(writer, tasks)
  await commitEvents(writer, tasks.slice(0, 3))
  const seen = [...(await settled(watcher, 9))]
  // Places of live batches first, then places of their replay.
  for (const start of [begin, ...seen.map((event) => event.after)]) {
    const known = seen.findIndex((event) => event.after === start) + 1
    const replayed = await replay(node.url, account, room, start, 9 - known)
    expect(named(replayed).toSorted()).toEqual(named(seen.slice(known)).toSorted())
    for (const [index, { after }] of replayed.entries()) {
      const rest = await replay(node.url, account, room, after, replayed.length - index - 1)
      expect(named(rest)).toEqual(named(replayed.slice(index + 1)))
    }
  }
})

test('a client that comes and goes while transactions commit in any order ends with exactly the events of the ledger', async () => {
  const nodes = await Promise.all([startNode(scratch.databaseUrl), startNode(scratch.databaseUrl)])
  const account = randomUUID()
  const tasks = await Promise.all(Array.from({ length: 12 }, () => insertTask(database.sql, account)))
  const stop = new AbortController()
  const rooms = [{ room: `account:${account}` }, { room: `task:${tasks[0]}` }]
  const first = await Promise.all(rooms.map(({ room }) => connect(nodes[0].url, account, { rooms: [{ room }] })))
  const cursors = await Promise.all(
    first.map(async (client) => (await untilNotice(client, 'subscribed')).data['after']),
  )
  for (const client of first) client.socket.disconnect()
  const writing = Promise.all(Array.from({ length: 4 }, () => writeAtRandom(writer, tasks, stop.signal)))
  const replays = new Set<unknown>()
  const all: Received[][] = rooms.map(() => [])
  for (let round = 0; round < 20; round += 1) {
    if (round === 18) {
      stop.abort()
      await writing
    }
    for (const [index, { room }] of rooms.entries()) {
      const asked = { room, after: all[index]?.at(-1)?.after ?? cursors[index] }
      const url = nodes[round % 2]?.url ?? ''
      const client = await connect(url, account, { rooms: round % 3 === 0 ? [asked] : [] })
      if (round % 3 !== 0) replays.add((await ask(client, 'subscribe', asked))['replay'])
      if (round >= 18) await untilQuiet(client)
      else await new Promise((resolve) => setTimeout(resolve, Math.random() * 40))
      client.socket.disconnect()
      all[index]?.push(...client.received)
    }
  }
  const [ofAccount = [], ofTask = []] = all
  const written = await ledgerEvents(database.sql, tasks)
  expect([...replays]).toEqual(['complete'])
  expect(written.length).toBeGreaterThan(100)
  expect(named(ofAccount).toSorted()).toEqual(written.toSorted())
  expectOrder(ofAccount)
  expect(named(ofTask)).toEqual(await ledgerEvents(database.sql, [String(tasks[0])]))
})

test('more than fits a page comes whole, while further events are committed', async () => {
  const node = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const tasks = await Promise.all(Array.from({ length: 50 }, () => insertTask(database.sql, account)))
  const before = await connect(node.url, account)
  const after = (await untilNotice(before, 'subscribed')).data['after']
  before.socket.disconnect()
  for (let round = 0; round < 20; round += 1) await commitEvents(writer, tasks)
  const stop = new AbortController()
  const writing = writeAtRandom(writer, tasks, stop.signal)
  const client = await connect(node.url, account, { rooms: [{ room: `account:${account}`, after }] })
  await settled(client, 1000)
  stop.abort()
  await writing
  const written = await ledgerEvents(database.sql, tasks)
  await settled(client, written.length)
  expect(named(client.received).toSorted()).toEqual(written.toSorted())
  expectOrder(client.received)
})

test('a cursor that is foreign, too old, from the future or no cursor is answered with how the room stands', async () => {
  const node = await startNode(scratch.databaseUrl, { maxEvents: 5, maxAgeMs: 3_600_000 })
  const account = randomUUID()
  const task = await insertTask(database.sql, account)
  const client = await connect(node.url, account)
  const text = String((await untilNotice(client, 'subscribed')).data['after'])
  const cursor = decodeCursor(text)
  if (cursor === undefined) throw new Error('the cursor is not understood')
  const room = `account:${account}`
  const subscribe = (after: string) => ask(client, 'subscribe', { room, after, snapshot: false })
  const future = { xmin: cursor.position.seen.xmin, xmax: cursor.position.seen.xmax + 10_000, running: [] }
  const snapshot = { kind: 'account', open: 1, tasks: [expect.objectContaining({ taskId: task, name: 'a test' })] }
  for (const [after, reason] of [
    [encodeCursor({ ...cursor, ledgerId: 'ffffffffffff' }), 'foreign'],
    ['no cursor', 'foreign'],
    ['', 'foreign'],
    [encodeCursor({ ...cursor, position: { seen: future } }), 'foreign'],
    [encodeCursor({ ...cursor, toldAt: cursor.toldAt - 3700 }), 'too-old'],
  ] as const) {
    expect(await subscribe(after)).toMatchObject({ ok: true, replay: 'reset', reason, snapshot })
  }
  for (let round = 0; round < 5; round += 1) await commitEvents(writer, [task])
  expect(await subscribe(text)).toMatchObject({ replay: 'complete', snapshot: null })
  await commitEvents(writer, [task])
  // More is no event by event any more; what one begins with then is replayed from as ever.
  const fresh = await subscribe(text)
  expect(fresh).toMatchObject({ replay: 'complete' })
})

test('a snapshot and what follows it fit together: an event is in the one or comes with the other', async () => {
  const node = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const task = await insertTask(database.sql, account)
  const stop = new AbortController()
  const writing = (async () => {
    while (!stop.signal.aborted) {
      await database.sql.begin(async (query) => {
        await query`update tasks set progress = last_seq + 1 where id = ${task}`
        await query`with one as (update tasks set last_seq = last_seq + 1 where id = ${task} returning *)
          insert into task_events (task_id, seq, account_id, type, data)
          select id, last_seq, account_id, 'task.started', jsonb_build_object('taskId', id) from one`
      })
      writer.signals.send({ kind: 'events' })
    }
  })()
  for (let round = 0; round < 20; round += 1) {
    const client = await connect(node.url, account, { rooms: [] })
    const answer = await ask(client, 'subscribe', { room: `task:${task}` })
    const counted = (answer['snapshot'] as { task: { progress: number } }).task.progress
    await settled(client, 1)
    expect(client.received[0]?.data['seq']).toBe(counted + 1)
    client.socket.disconnect()
  }
  stop.abort()
  await writing
})

async function untilNotice(client: Client, type: string): Promise<Received> {
  return vi.waitFor(() => {
    const found = client.notices.find((one) => one.type === type)
    if (found === undefined) throw new Error(`no ${type}`)
    return found
  }, deadline)
}

/** What a client is told that asks with a cursor, once it has been told so many events and then what a new one does. */
async function replay(url: string, account: string, room: string, after: unknown, count: number): Promise<Received[]> {
  const client = await connect(url, account, { transport: 'websocket', rooms: [] })
  await ask(client, 'subscribe', { room, after, snapshot: false })
  await settled(client, count)
  await untilQuiet(client)
  client.socket.disconnect()
  return client.received
}

/** Everything that was sent to a client before this has arrived when an answer sent after it has. */
async function untilQuiet(client: Client): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50))
  await ask(client, 'unsubscribe', { room: 'admin' })
}
