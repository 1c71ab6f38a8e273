import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Database, openDatabase } from '../../src/db/connect.ts'
import { openSignals, type Signals } from '../../src/db/signals.ts'
import { decodeCursor } from '../../src/realtime/cursor.ts'
import { commitEvents, insertTask, type Writer } from '../support/event-writer.ts'
import { silent } from '../support/ledger.ts'
import { openPlain, type PlainClient, refusedUpgrade, signInPlain } from '../support/plain-socket.ts'
import { createDatabase } from '../support/postgres.ts'
import { startNode } from '../support/socket-node.ts'

const deadline = { timeout: 15_000, interval: 10 }
let scratch: Awaited<ReturnType<typeof createDatabase>>
let database: Database
let writer: Writer & { signals: Signals }

beforeAll(async () => {
  scratch = await createDatabase()
  database = openDatabase(scratch.databaseUrl, { name: 'test', maxConnections: 2 })
  const { sql } = database
  writer = { sql, signals: await openSignals({ sql, listenUrl: scratch.databaseUrl, log: silent }) }
})

afterAll(async () => {
  await writer.signals.close()
  await database.close()
  await scratch.drop()
})

const positionIn = (cursor: unknown) => decodeCursor(String(cursor))?.position
const events = ({ packets }: PlainClient) => packets.filter(({ type }) => type === 'task.started')

test('the client of the seed: a token first, then every event of the account as { type, data }', async () => {
  const node = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const task = await insertTask(database.sql, account)
  const client = await signInPlain(node.url, account)
  expect(client.packets[0]).toEqual({ type: 'authenticated', data: { account, expiresAt: null } })
  await commitEvents(writer, [task])
  const { type, data, after } = await client.until('task.started')
  expect({ type, data }).toEqual({ type: 'task.started', data: { taskId: task, seq: 1 } })

  await commitEvents(writer, [task])
  const again = await signInPlain(node.url, account, [{ room: `account:${account}`, after }])
  await vi.waitFor(() => expect(events(again)).toMatchObject([{ data: { seq: 2 } }]), deadline)
  const { data: answer } = await again.until('subscribed')
  expect(answer).toMatchObject({ replay: 'complete' })
  expect(positionIn(after)).toBeDefined()
  // The same place; a cursor says as well when it was told.
  expect(positionIn(answer['after'])).toEqual(positionIn(after))
})

test('rooms are entered and left, and each request is answered under its id', async () => {
  const node = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const [task, other] = [await insertTask(database.sql, account), await insertTask(database.sql, account)]
  const room = `task:${task}`
  const client = await signInPlain(node.url, account, [])
  client.send({ type: 'subscribe', id: 1, data: { room } })
  expect(await client.until('subscribed')).toMatchObject({
    id: 1,
    data: { ok: true, room, replay: 'none', snapshot: { kind: 'task', task: { taskId: task } } },
  })
  await commitEvents(writer, [task, other])
  await commitEvents(writer, [task])
  await vi.waitFor(() => expect(events(client)).toHaveLength(2), deadline)
  expect(events(client).map(({ data }) => data['taskId'])).toEqual([task, task])
  client.send({ type: 'unsubscribe', id: 'two', data: { room } })
  expect(await client.until('unsubscribed')).toEqual({ type: 'unsubscribed', id: 'two', data: { ok: true, room } })
  client.send({ type: 'subscribe', id: 3, data: { room, after: events(client)[0]?.after, snapshot: false } })
  await vi.waitFor(() => expect(events(client)).toHaveLength(3), deadline)
  expect(events(client)[2]?.data['seq']).toBe(2)
  client.send({ type: 'ping', id: 4, data: { at: 1 } })
  expect(await client.until('pong')).toEqual({ type: 'pong', id: 4, data: { at: 1 } })
  client.send({ type: 'auth', id: 5, token: account })
  await vi.waitFor(() => expect(client.packets.at(-1)).toMatchObject({ type: 'authenticated', id: 5 }), deadline)
})

test('what makes no sense is answered with what is wrong, and the connection lives on', async () => {
  const node = await startNode(scratch.databaseUrl)
  const client = await signInPlain(node.url, randomUUID(), [])
  const wrong = [
    ['{', 'MALFORMED_JSON'],
    ['', 'MALFORMED_JSON'],
    ['7', 'VALIDATION_FAILED'],
    ['null', 'VALIDATION_FAILED'],
    [{ kind: 'subscribe' }, 'VALIDATION_FAILED'],
    [{ type: 'shout', data: {} }, 'VALIDATION_FAILED'],
    [{ type: 'subscribe' }, 'VALIDATION_FAILED'],
    [{ type: 'subscribe', data: { room: 'everything' } }, 'VALIDATION_FAILED'],
    [{ type: 'subscribe', data: { room: `account:${randomUUID()}` } }, 'FORBIDDEN'],
    [{ type: 'subscribe', data: { room: `task:${randomUUID()}` } }, 'TASK_NOT_FOUND'],
    [{ type: 'auth', token: 'bad' }, 'TOKEN_INVALID'],
    [{ type: 'auth', token: 7 }, 'VALIDATION_FAILED'],
  ] as const
  for (const [packet, code] of wrong) {
    const count = client.packets.length
    client.send(packet)
    await vi.waitFor(() => expect(client.packets.length).toBe(count + 1), deadline)
    expect(client.packets.at(-1)).toMatchObject({ type: 'error', data: { code, message: expect.any(String) } })
  }
  client.send({ type: 'ping' })
  expect(await client.until('pong')).toEqual({ type: 'pong', data: null })
})

test('whoever brings no good token is told why and let go', async () => {
  const node = await startNode(scratch.databaseUrl)
  const refused = async (packet: unknown) => {
    const client = await openPlain(node.url)
    client.send(packet)
    const { code, reason } = await client.closed
    return { code, reason, said: client.packets.at(-1) }
  }
  const closing = (code: string) => ({ type: 'closing', data: expect.objectContaining({ code, status: 401 }) })
  for (const [packet, reason] of [
    [{ type: 'subscribe', data: { room: 'admin' } }, 'UNAUTHENTICATED'],
    [{ type: 'auth' }, 'UNAUTHENTICATED'],
    [{ type: 'auth', token: 'bad' }, 'TOKEN_INVALID'],
    [{ type: 'auth', token: `${randomUUID()}@1` }, 'TOKEN_EXPIRED'],
  ] as const) {
    expect(await refused(packet)).toEqual({ code: 4401, reason, said: closing(reason) })
  }
  const silentClient = await openPlain(node.url)
  const startedMs = performance.now()
  expect(await silentClient.closed).toEqual({ code: 4401, reason: 'UNAUTHENTICATED' })
  expect(performance.now() - startedMs).toBeGreaterThan(4_500)
})

test('the end of a token ends the connection', async () => {
  const node = await startNode(scratch.databaseUrl)
  const client = await signInPlain(node.url, `${randomUUID()}@${Date.now() + 700}`)
  expect(await client.closed).toEqual({ code: 4401, reason: 'TOKEN_EXPIRED' })
})

test('an upgrade with a token in the URL, or of a path where nothing is, is refused', async () => {
  const node = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  for (const query of [`?token=${account}`, `?access_token=${account}`, '?a=1&token=']) {
    expect(await refusedUpgrade(node.url, `/ws${query}`)).toMatchObject({
      status: 401,
      body: { code: 'UNAUTHENTICATED' },
    })
  }
  for (const path of ['/', '/wss', '/ws/', '/socket.io', '//', '/api/ws?x']) {
    expect(await refusedUpgrade(node.url, path)).toMatchObject({ status: 404, body: { code: 'ROUTE_NOT_FOUND' } })
  }
})

test('binary, too long and too many packets end a connection, each with its code', async () => {
  const node = await startNode(scratch.databaseUrl)
  const join = () => signInPlain(node.url, randomUUID(), [])
  const [binary, long, flood] = [await join(), await join(), await join()]
  binary.socket.send(Buffer.from('{"type":"ping"}'))
  expect(await binary.closed).toMatchObject({ code: 1003 })
  long.send({ type: 'ping', data: 'x'.repeat(60_000) })
  await long.until('pong')
  long.send({ type: 'ping', data: 'x'.repeat(70_000) })
  expect(await long.closed).toMatchObject({ code: 1009 })
  for (let count = 0; count < 150; count += 1) flood.send({ type: 'ping' })
  expect(await flood.closed).toMatchObject({ code: 4429 })
})

test('10,000 rooms are too many', async () => {
  const node = await startNode(scratch.databaseUrl, { maxRooms: 20 })
  const account = randomUUID()
  const client = await signInPlain(node.url, account, [])
  const tasks = await Promise.all(Array.from({ length: 25 }, () => insertTask(database.sql, account)))
  for (const [id, task] of tasks.entries()) {
    client.send({ type: 'subscribe', id, data: { room: `task:${task}`, snapshot: false } })
  }
  await vi.waitFor(() => expect(client.packets.length).toBe(26), deadline)
  expect(client.packets.filter(({ type }) => type === 'subscribed')).toHaveLength(20)
  expect(client.packets.at(-1)).toMatchObject({
    type: 'error',
    data: { code: 'VALIDATION_FAILED', details: { maxRooms: 20 } },
  })
})

test('a client that does not read is told what it missed, asks for it, and ends with every event', async () => {
  const { client, room } = await leaveUnread({})
  client.socket.resume()
  const { data } = await client.until('missed')
  expect(data).toEqual({ room, after: expect.any(String) })
  expect(events(client).length).toBeLessThan(500)
  client.send({ type: 'subscribe', data: { room, after: data['after'] } })
  await vi.waitFor(() => expect(events(client)).toHaveLength(500), deadline)
  const seen = new Set(events(client).map((event) => `${event.data['taskId']} ${event.data['seq']}`))
  expect(seen.size).toBe(500)
})

test('what may wait for a client that does not read is as much as is set', async () => {
  const { client } = await leaveUnread({ maxBacklogBytes: 2 ** 30 })
  client.socket.resume()
  await vi.waitFor(() => expect(events(client)).toHaveLength(500), deadline)
  expect(client.packets.filter(({ type }) => type === 'missed')).toEqual([])
})

/** A client to whom five hundred events were told that it did not read: far more than the system's own buffers take. */
async function leaveUnread(limits: Parameters<typeof startNode>[1]) {
  const node = await startNode(scratch.databaseUrl, limits)
  const account = randomUUID()
  const tasks = await Promise.all(Array.from({ length: 100 }, () => insertTask(database.sql, account)))
  const client = await signInPlain(node.url, account)
  await client.until('subscribed')
  client.socket.pause()
  const filler = 'x'.repeat(20_000)
  for (let round = 1; round <= 5; round += 1) {
    await database.sql`
      with told as (update tasks set last_seq = last_seq + 1 where id = any(${tasks}::uuid[]) returning *)
      insert into task_events (task_id, seq, account_id, type, data)
      select id, last_seq, account_id, 'task.started', jsonb_build_object('taskId', id, 'filler', ${filler}::text) from told`
    writer.signals.send({ kind: 'events' })
  }
  const quick = await signInPlain(node.url, account)
  await quick.until('subscribed')
  return { client, room: `account:${account}` }
}

test('a process that goes away says so, and takes nobody in any more', async () => {
  const node = await startNode(scratch.databaseUrl)
  const client = await signInPlain(node.url, randomUUID())
  node.close()
  expect(await client.closed).toMatchObject({ code: 1001 })
  expect(await refusedUpgrade(node.url, '/ws')).toMatchObject({ status: 503, body: { code: 'SHUTTING_DOWN' } })
})
