import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Database } from '../../src/db/connect.ts'
import { createDatabase } from '../support/postgres.ts'
import { ask, connect, connectRefused, startNode } from '../support/socket-node.ts'

const deadline = { timeout: 10_000, interval: 10 }
let scratch: Awaited<ReturnType<typeof createDatabase>>
let database: Database

beforeAll(async () => {
  scratch = await createDatabase()
  database = scratch.open({ name: 'test', maxConnections: 1 })
})

afterAll(async () => {
  await database.close()
  await scratch.drop()
})

test('whoever brings no good token is told why: none, a bad one, an expired one, one in the URL', async () => {
  const { url } = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const refused = (code: string) => ({ code, status: 401, message: expect.any(String), details: {} })
  expect(await connectRefused(url, {})).toEqual(refused('UNAUTHENTICATED'))
  expect(await connectRefused(url, { auth: { token: 7 } })).toEqual(refused('UNAUTHENTICATED'))
  expect(await connectRefused(url, { auth: { token: 'bad' } })).toEqual(refused('TOKEN_INVALID'))
  expect(await connectRefused(url, { auth: { token: `${account}@1` } })).toEqual(refused('TOKEN_EXPIRED'))
  expect(await connectRefused(url, { query: { token: account } })).toEqual(refused('UNAUTHENTICATED'))
  expect(await connectRefused(url, { query: { token: account }, auth: { token: account } })).toMatchObject({
    status: 401,
  })
  const broken = await connectRefused(url, { auth: { token: 'broken' } })
  expect(broken).toEqual({ code: 'INTERNAL', status: 500, message: 'Something went wrong on the server.', details: {} })
})

test('the Authorization header lets in as well as the handshake does', async () => {
  const { url } = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const answer = await fetchHandshake(url, `Bearer ${account}`)
  expect(answer).toContain('40{"sid":')
  expect(await fetchHandshake(url, `Basic ${account}`)).toContain('44{"message":')
})

test('a socket is disconnected when its token expires, and not before', async () => {
  const { url } = await startNode(scratch.databaseUrl)
  const expiresAtMs = Date.now() + 1_500
  const brief = await connect(url, `${randomUUID()}@${expiresAtMs}`)
  // Longer than a timer of Node can wait.
  const long = await connect(url, `${randomUUID()}@${Date.now() + 60 * 24 * 3600 * 1000}`)
  const reason = await new Promise<string>((resolve) => brief.socket.once('disconnect', resolve))
  expect(reason).toBe('io server disconnect')
  expect(Date.now()).toBeGreaterThanOrEqual(expiresAtMs - 20)
  expect(long.socket.connected).toBe(true)
})

test('only the owner may watch a task; another account learns nothing, not even that it exists', async () => {
  const { url } = await startNode(scratch.databaseUrl)
  const [owner, stranger] = [randomUUID(), randomUUID()]
  const taskId = await insertTask(owner)
  const [his, hers] = [await connect(url, owner), await connect(url, stranger)]
  expect(await ask(his, 'subscribe', { room: `task:${taskId}` })).toMatchObject({ ok: true, room: `task:${taskId}` })
  const unknown = randomUUID()
  const notFound = (id: string) => ({
    code: 'TASK_NOT_FOUND',
    status: 404,
    message: 'There is no such task.',
    details: { taskId: id },
  })
  expect(await ask(hers, 'subscribe', { room: `task:${taskId}` })).toEqual(notFound(taskId))
  expect(await ask(hers, 'subscribe', { room: `task:${unknown}` })).toEqual(notFound(unknown))
  expect(await ask(hers, 'subscribe', { room: `account:${owner}` })).toMatchObject({
    code: 'FORBIDDEN',
    status: 403,
  })
  expect(await ask(hers, 'subscribe', { room: `pool:${unknown}` })).toMatchObject({
    code: 'POOL_NOT_FOUND',
    status: 404,
  })
  expect(await ask(hers, 'subscribe', { room: 'admin' })).toMatchObject({ code: 'FORBIDDEN', status: 403 })
})

test('a request that makes no sense is answered with what is wrong, and the connection lives on', async () => {
  const { url } = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const client = await connect(url, account)
  for (const request of [
    undefined,
    null,
    7,
    'task:1',
    [],
    {},
    { room: 7 },
    { room: 'task:1' },
    { room: `team:${account}` },
    Buffer.from(`account:${account}`),
    { room: Buffer.from(`account:${account}`) },
  ]) {
    const said = await ask(client, 'subscribe', request)
    expect(said).toMatchObject({ code: 'VALIDATION_FAILED', status: 400, details: { errors: expect.any(Array) } })
  }
  const surplus = await ask(client, 'subscribe', { room: `account:${account}`, extra: 1 })
  expect(surplus).toMatchObject({ code: 'VALIDATION_FAILED' })
  client.socket.emit('subscribe')
  client.socket.emit('subscribe', { room: `account:${account}` })
  client.socket.emit('unsubscribe', null, 'no function')
  client.socket.emit('subscribe', { room: `task:${randomUUID()}` })
  client.socket.emit('unheard of', { a: 1 }, Buffer.from('binary'))
  const said = await ask(client, 'subscribe', { room: `account:${account}` })
  expect(said).toMatchObject({ ok: true, room: `account:${account}` })
})

test('requests of one socket count in the order they were made', async () => {
  const { url } = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const client = await connect(url, account)
  const room = `task:${await insertTask(account)}`
  const order: string[] = []
  const asked = [
    ask(client, 'subscribe', { room }).then(() => order.push('subscribe')),
    ask(client, 'unsubscribe', { room }).then(() => order.push('unsubscribe')),
  ]
  await Promise.all(asked)
  expect(order).toEqual(['subscribe', 'unsubscribe'])
})

test('one socket may watch so many rooms and no more, until it leaves one', async () => {
  const { url } = await startNode(scratch.databaseUrl, { maxRooms: 4 })
  const account = randomUUID()
  const client = await connect(url, account)
  const rooms = await Promise.all(Array.from({ length: 6 }, async () => `task:${await insertTask(account)}`))
  // The account's own room counts.
  const said = await Promise.all(rooms.map((room) => ask(client, 'subscribe', { room })))
  expect(said.map(isOk)).toEqual([true, true, true, false, false, false])
  expect(said[3]).toMatchObject({ code: 'VALIDATION_FAILED', status: 400, details: { maxRooms: 4 } })
  expect(isOk(await ask(client, 'subscribe', { room: rooms[0] }))).toBe(true)
  await ask(client, 'unsubscribe', { room: rooms[0] })
  expect(isOk(await ask(client, 'subscribe', { room: rooms[5] }))).toBe(true)
})

test.each(['websocket', 'polling'] as const)('a flood of packets is cut off (%s)', async (transport) => {
  const { url } = await startNode(scratch.databaseUrl)
  const flooding = await connect(url, randomUUID(), { transport })
  const calm = await connect(url, randomUUID(), { transport })
  const reason = new Promise<string>((resolve) => flooding.socket.once('disconnect', resolve))
  for (let count = 0; count < 150; count += 1) flooding.socket.emit('noise')
  expect(await reason).toBe('io server disconnect')
  for (let count = 0; count < 60; count += 1) calm.socket.emit('noise')
  expect(await ask(calm, 'subscribe', {})).toMatchObject({ code: 'VALIDATION_FAILED' })
})

test('a message over 64 KiB ends the connection', async () => {
  const { url } = await startNode(scratch.databaseUrl)
  const client = await connect(url, randomUUID(), { transport: 'websocket' })
  client.socket.emit('subscribe', { room: 'x'.repeat(60_000) })
  expect(await ask(client, 'subscribe', {})).toMatchObject({ code: 'VALIDATION_FAILED' })
  client.socket.emit('subscribe', { room: 'x'.repeat(70_000) })
  await vi.waitFor(() => expect(client.socket.connected).toBe(false), deadline)
})

async function insertTask(account: string): Promise<string> {
  const id = randomUUID()
  await database.sql`INSERT INTO tasks (id, account_id, type, name, status, parameters)
    VALUES (${id}, ${account}, 'Test', 'test', 'InProgress', '{}')`
  return id
}

function isOk(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'ok' in answer
}

/** The handshake by bare HTTP, as a client that can set headers does it: open, connect, and the server's answer. */
async function fetchHandshake(url: string, authorization: string): Promise<string> {
  const headers = { authorization }
  const endpoint = `${url}/socket.io/?EIO=4&transport=polling`
  const opened = await (await fetch(endpoint, { headers })).text()
  const sid = /"sid":"([^"]+)"/.exec(opened)?.[1] ?? ''
  await fetch(`${endpoint}&sid=${sid}`, { method: 'POST', body: '40', headers })
  return (await fetch(`${endpoint}&sid=${sid}`, { headers })).text()
}
