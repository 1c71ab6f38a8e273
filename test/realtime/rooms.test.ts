import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { ensureBands } from '../../src/db/admission.ts'
import { type Database, openDatabase } from '../../src/db/connect.ts'
import { openSignals, type Signals } from '../../src/db/signals.ts'
import { deleteTask } from '../../src/db/tasks.ts'
import { noteWorker } from '../../src/db/workers.ts'
import { commitEvents, insertTask, type Writer } from '../support/event-writer.ts'
import { silent } from '../support/ledger.ts'
import { createDatabase } from '../support/postgres.ts'
import { ask, type Client, connect, revoke, startNode } from '../support/socket-node.ts'

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

const tasksOf = ({ received }: Client) => received.map(({ data }) => String(data['taskId']))
const reason = ({ socket }: Client) =>
  new Promise<string>((resolve) => socket.once('disconnect', (why) => resolve(why)))

test('of a pool everybody sees his own events and progress, and an administrator everybody’s', async () => {
  const node = await startNode(scratch.databaseUrl)
  const poolId = await insertPool()
  const [account, other, admin] = [randomUUID(), randomUUID(), randomUUID()]
  const room = `pool:${poolId}`
  const mine = await connect(node.url, account, { rooms: [] })
  const all = await connect(node.url, `${admin}+admin`, { rooms: [] })
  const [inPool, elsewhere] = [
    await insertTask(database.sql, account, { poolId }),
    await insertTask(database.sql, account, { poolId: randomUUID() }),
  ]
  const foreign = await insertTask(database.sql, other, { poolId })
  const shown = { kind: 'pool', pool: { id: poolId, name: 'a pool', kind: 'local' } }
  expect(await ask(mine, 'subscribe', { room })).toMatchObject({ snapshot: { ...shown, open: 1 } })
  expect(await ask(all, 'subscribe', { room })).toMatchObject({ snapshot: { ...shown, open: 2 } })
  await commitEvents(writer, [foreign, elsewhere, inPool])
  await commitEvents(writer, [inPool])
  await vi.waitFor(() => expect(tasksOf(all)).toHaveLength(3), deadline)
  await vi.waitFor(() => expect(tasksOf(mine)).toEqual([inPool, inPool]), deadline)
  expect(tasksOf(all).toSorted()).toEqual([foreign, inPool, inPool].toSorted())

  const event = { type: 'task.progress', data: progressOf(inPool) } as const
  writer.signals.send({
    kind: 'progress',
    accountId: account,
    poolIds: [poolId],
    taskId: inPool,
    epoch: 1,
    counter: 1,
    event,
  })
  await vi.waitFor(() => expect(mine.received.at(-1)).toEqual(event), deadline)
  await vi.waitFor(() => expect(all.received.at(-1)).toEqual(event), deadline)

  // And from where he was, each is told again what is his.
  for (const [client, token] of [
    [mine, account],
    [all, `${admin}+admin`],
  ] as const) {
    const events = client.received.filter(({ type }) => type === 'task.started')
    const after = events.at(-2)?.after
    const again = await connect(node.url, token, { rooms: [{ room, after }] })
    await vi.waitFor(() => expect(again.received).toHaveLength(1), deadline)
    expect(again.received[0]?.data).toEqual(events.at(-1)?.data)
  }
})

test('a pool that is for some is not there for others: neither its name nor whether it exists', async () => {
  const node = await startNode(scratch.databaseUrl)
  const [listed, permitted, admin, stranger] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()]
  const poolId = await insertPool({ allowedAccounts: [listed], permission: 'films' })
  const room = `pool:${poolId}`
  for (const token of [listed, `${permitted}+films`, `${admin}+admin`]) {
    const client = await connect(node.url, token, { rooms: [] })
    expect(await ask(client, 'subscribe', { room })).toMatchObject({ ok: true, snapshot: { pool: { name: 'a pool' } } })
  }
  const missing = randomUUID()
  const notFound = (id: string) => ({
    code: 'POOL_NOT_FOUND',
    status: 404,
    message: 'There is no such pool.',
    details: { poolId: id },
  })
  for (const token of [stranger, permitted, `${stranger}+music`]) {
    const client = await connect(node.url, token, { rooms: [] })
    expect(await ask(client, 'subscribe', { room })).toEqual(notFound(poolId))
    expect(await ask(client, 'subscribe', { room: `pool:${missing}` })).toEqual(notFound(missing))
  }
  const atOnce = await connect(node.url, stranger, { rooms: [{ room, snapshot: true }] })
  await vi.waitFor(() => expect(atOnce.notices).toHaveLength(1), deadline)
  expect(atOnce.notices).toEqual([{ type: 'unsubscribed', data: { room, ...notFound(poolId) } }])
})

test('whoever may use a pool no longer leaves its room, and is told nothing more of it', async () => {
  const node = await startNode(scratch.databaseUrl, { recheckMs: 50 })
  const account = randomUUID()
  const poolId = await insertPool()
  const room = `pool:${poolId}`
  const task = await insertTask(database.sql, account, { poolId })
  const client = await connect(node.url, account, { rooms: [{ room }] })
  const other = await connect(node.url, account)
  await vi.waitFor(() => expect(client.notices).toMatchObject([{ type: 'subscribed' }]), deadline)
  await database.sql`update pools set policy = '{"allowedAccounts":[]}' where id = ${poolId}`
  await vi.waitFor(() => expect(client.notices).toHaveLength(2), deadline)
  expect(client.notices[1]).toMatchObject({ type: 'unsubscribed', data: { room, code: 'POOL_NOT_FOUND' } })
  await commitEvents(writer, [task])
  await vi.waitFor(() => expect(tasksOf(other)).toEqual([task]), deadline)
  expect(client.received).toEqual([])
})

test('administrators watch bands and workers, every second', async () => {
  await ensureBands(database.sql, ['high', 'normal', 'low'])
  await noteWorker(database.sql, { id: 'w', bands: ['high'], concurrency: 3, types: ['Test'], offers: {} })
  const node = await startNode(scratch.databaseUrl)
  const admin = await connect(node.url, `${randomUUID()}+admin`, { rooms: [] })
  const band = { waiting: 0, admitted: 0, running: 0, oldestWaitSeconds: 0, pausedAt: null, minutes: [] }
  const figures = {
    bands: ['high', 'normal', 'low'].map((name) => ({ band: name, ...band })),
    workers: [{ id: 'w', bands: ['high'], concurrency: 3, types: ['Test'], running: [] }],
  }
  const said = await ask(admin, 'subscribe', { room: 'admin', after: 'whatever' })
  expect(said).toMatchObject({ ok: true, replay: 'none', after: null, snapshot: { kind: 'admin', figures } })
  await vi.waitFor(() => expect(admin.notices.length).toBeGreaterThanOrEqual(2), deadline)
  expect(admin.notices[0]).toMatchObject({ type: 'admin.figures', data: figures })
  await ask(admin, 'unsubscribe', { room: 'admin' })
  const count = admin.notices.length
  await new Promise((resolve) => setTimeout(resolve, 1_200))
  expect(admin.notices).toHaveLength(count)
})

test('a newer token of the same account prolongs a connection; another account’s does not', async () => {
  const node = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const expiresAtMs = Date.now() + 1_500
  const [renewed, left] = [
    await connect(node.url, `${account}@${expiresAtMs}`),
    await connect(node.url, `${account}@${expiresAtMs}`),
  ]
  const end = reason(left)
  expect(await ask(renewed, 'auth', { token: randomUUID() })).toMatchObject({ code: 'FORBIDDEN' })
  expect(await ask(renewed, 'auth', { token: 'bad' })).toMatchObject({ code: 'TOKEN_INVALID' })
  expect(await ask(renewed, 'auth', {})).toMatchObject({ code: 'UNAUTHENTICATED' })
  const later = new Date(Date.now() + 60_000)
  expect(await ask(renewed, 'auth', { token: `${account}@${later.getTime()}` })).toEqual({
    ok: true,
    expiresAt: later.toISOString(),
  })
  expect(await end).toBe('io server disconnect')
  expect(left.notices.at(-1)).toMatchObject({ type: 'closing', data: { code: 'TOKEN_EXPIRED', status: 401 } })
  expect(renewed.socket.connected).toBe(true)
})

test('whose token counts no longer is disconnected, and told why', async () => {
  const node = await startNode(scratch.databaseUrl, { recheckMs: 50 })
  const account = randomUUID()
  const client = await connect(node.url, account)
  const end = reason(client)
  revoke(account)
  expect(await end).toBe('io server disconnect')
  expect(client.notices.at(-1)).toMatchObject({ type: 'closing', data: { code: 'TOKEN_INVALID', status: 401 } })
})

test('what may not be watched any more is left: the room of a task that was deleted, and what is for administrators', async () => {
  const node = await startNode(scratch.databaseUrl, { recheckMs: 50 })
  const account = randomUUID()
  const poolId = await insertPool()
  const task = await insertTask(database.sql, account)
  const client = await connect(node.url, `${account}+admin`, { rooms: [] })
  for (const room of [`task:${task}`, `pool:${poolId}`, 'admin', `account:${account}`]) {
    expect(await ask(client, 'subscribe', { room })).toMatchObject({ ok: true })
  }
  await database.sql`update tasks set status = 'Completed' where id = ${task}`
  await deleteTask(database.sql, task)
  const left = () => client.notices.filter(({ type }) => type === 'unsubscribed').map(({ data }) => data)
  await vi.waitFor(() => expect(left()).toHaveLength(1), deadline)
  expect(left()).toEqual([
    {
      room: `task:${task}`,
      code: 'TASK_NOT_FOUND',
      message: expect.any(String),
      status: 404,
      details: { taskId: task },
    },
  ])
  expect(await ask(client, 'auth', { token: account })).toMatchObject({ ok: true })
  await vi.waitFor(() => expect(left()).toHaveLength(3), deadline)
  expect(left().slice(1)).toMatchObject([
    { room: `pool:${poolId}`, code: 'FORBIDDEN' },
    { room: 'admin', code: 'FORBIDDEN' },
  ])
})

test('a room that cannot be entered as a client connects is told, and the others are entered', async () => {
  const node = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const [own, foreign] = [`account:${account}`, `account:${randomUUID()}`]
  const client = await connect(node.url, account, { rooms: [{ room: foreign }, { room: own }] })
  await vi.waitFor(() => expect(client.notices).toHaveLength(2), deadline)
  expect(client.notices).toMatchObject([
    { type: 'unsubscribed', data: { room: foreign, code: 'FORBIDDEN' } },
    { type: 'subscribed', data: { room: own, ok: true } },
  ])
  for (const rooms of [7, [{}], [{ room: own, more: 1 }], Array.from({ length: 101 }, () => ({ room: own }))]) {
    const wrong = await connect(node.url, account, { rooms })
    await vi.waitFor(() => expect(wrong.socket.connected).toBe(false), deadline)
    expect(wrong.notices.at(-1)).toMatchObject({ type: 'closing', data: { code: 'VALIDATION_FAILED' } })
  }
})

async function insertPool(policy: Record<string, unknown> = {}): Promise<string> {
  const id = randomUUID()
  await database.sql`
    insert into pools (id, name, kind, settings, policy)
    values (${id}, 'a pool', 'local', '{"path":"p"}', ${JSON.stringify(policy)}::text::jsonb)`
  return id
}

function progressOf(taskId: string) {
  return {
    taskId,
    name: 'a test',
    type: 'Test',
    progress: 50,
    status: 'InProgress',
    statusMessage: null,
    lastActivity: '2026-01-01T00:00:00.000Z',
  } as const
}
