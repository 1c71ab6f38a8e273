import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { appendEvent, type NewEvent } from '../../src/db/events.ts'
import type { Database } from '../../src/db/connect.ts'
import type { Signal } from '../../src/db/signal.ts'
import { createDatabase } from '../support/postgres.ts'
import { type ApiNode, ask, connect, startNode } from '../support/socket-node.ts'

const deadline = { timeout: 10_000, interval: 10 }
const completed = { fileId: randomUUID(), fileName: 'a.bin', fileSize: 10, completedAt: '2026-01-01T00:00:00.000Z' }
let scratch: Awaited<ReturnType<typeof createDatabase>>
let database: Database

beforeAll(async () => {
  scratch = await createDatabase()
  database = scratch.open({ name: 'test', maxConnections: 2 })
})

afterAll(async () => {
  await database.close()
  await scratch.drop()
})

test('a committed event reaches the account at every node, by WebSocket and by polling, with its seq, and nobody else', async () => {
  const [one, two] = await Promise.all([startNode(scratch.databaseUrl), startNode(scratch.databaseUrl)])
  const [account, stranger] = [randomUUID(), randomUUID()]
  const watching = await Promise.all([
    connect(one.url, account, { transport: 'websocket' }),
    connect(two.url, account, { transport: 'websocket' }),
    connect(two.url, account, { transport: 'polling' }),
  ])
  const other = await connect(one.url, stranger)
  const [taskId, foreign] = [await insertTask(account), await insertTask(stranger)]
  await commit(one, { taskId, type: 'task.created', data: { taskId, name: 'n' } })
  await commit(one, { taskId, type: 'task.completed', data: { taskId, results: { a_b: [1] } } })
  for (const { received } of watching) {
    await vi.waitFor(() => expect(received).toHaveLength(3), deadline)
    const after = expect.any(String)
    expect(received).toEqual([
      { type: 'task.created', data: { taskId, name: 'n', seq: 1 }, after },
      { type: 'task.progress', data: expect.objectContaining({ taskId, progress: 100, status: 'Completed' }) },
      { type: 'task.completed', data: { taskId, results: { a_b: [1] }, seq: 2 }, after },
    ])
  }
  await commit(one, { taskId: foreign, type: 'task.created', data: { taskId: foreign } })
  await vi.waitFor(() => expect(other.received).toHaveLength(1), deadline)
  expect(other.received).toMatchObject([{ type: 'task.created', data: { taskId: foreign, seq: 1 } }])
})

test('a socket in the rooms of both account and task gets an event once; one that left its account still gets its task', async () => {
  const node = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const [both, taskOnly] = [await connect(node.url, account), await connect(node.url, account)]
  const [taskId, otherTask] = [await insertTask(account), await insertTask(account)]
  for (const client of [both, taskOnly]) {
    const room = `task:${taskId}`
    const said = await ask(client, 'subscribe', { room: `task:${taskId.toUpperCase()}` })
    expect(said).toMatchObject({ ok: true, room })
  }
  expect(await ask(both, 'subscribe', { room: `account:${account}` })).toMatchObject({ ok: true })
  const left = await ask(taskOnly, 'unsubscribe', { room: `account:${account}` })
  expect(left).toEqual({ ok: true, room: `account:${account}` })

  await commit(node, { taskId: otherTask, type: 'task.created', data: { taskId: otherTask } })
  await commit(node, { taskId, type: 'task.created', data: { taskId } })
  await vi.waitFor(() => expect(both.received).toHaveLength(2), deadline)
  await vi.waitFor(() => expect(taskOnly.received).toHaveLength(1), deadline)
  // Order is promised within a task, not between tasks.
  expect(new Set(both.received.map(({ data }) => data['taskId']))).toEqual(new Set([otherTask, taskId]))
  expect(taskOnly.received.map(({ data }) => data['taskId'])).toEqual([taskId])
})

test('progress only moves forward, ends at 100 % before the end, and nothing follows it', async () => {
  const [one, two] = await Promise.all([startNode(scratch.databaseUrl), startNode(scratch.databaseUrl)])
  const account = randomUUID()
  const [taskId, last] = [await insertTask(account), await insertTask(account)]
  const { received } = await connect(two.url, account)
  for (const counter of [1, 3, 2, 3, 4]) {
    one.signals.send(progress(account, taskId, counter))
    // Each is delivered before the next is sent, so that none is merged with it on the way.
    await delivered(two, one)
  }
  const lastProgress = progressData(taskId, 10)
  await commit(one, { taskId, type: 'upload.completed', data: { taskId, ...completed, lastProgress } })
  await vi.waitFor(() => expect(received).toHaveLength(5), deadline)
  one.signals.send(progress(account, taskId, 9))
  await delivered(two, one)
  await commit(one, { taskId: last, type: 'task.created', data: { taskId: last } })
  await vi.waitFor(() => expect(received.at(-1)?.data['taskId']).toBe(last), deadline)

  expect(received.slice(0, -1)).toEqual([
    ...[1, 3, 4, 10].map((counter) => ({ type: 'upload.progress', data: progressData(taskId, counter) })),
    { type: 'upload.completed', data: { taskId, ...completed, seq: 1 }, after: expect.any(String) },
  ])
})

test('an event committed after the answer to subscribe is never missed, however many subscribe at once', async () => {
  const node = await startNode(scratch.databaseUrl)
  const account = randomUUID()
  const clients = await Promise.all(Array.from({ length: 20 }, () => connect(node.url, account)))
  await Promise.all(clients.map((client) => ask(client, 'unsubscribe', { room: `account:${account}` })))
  await Promise.all(
    clients.map(async (client) => {
      const taskId = await insertTask(account)
      await ask(client, 'subscribe', { room: `task:${taskId}` })
      await commit(node, { taskId, type: 'task.created', data: { taskId } })
      await vi.waitFor(() => expect(client.received.map(({ data }) => data['taskId'])).toEqual([taskId]), deadline)
    }),
  )
})

test('closing sends clients to another node: they come back by themselves, and the HTTP server still answers', async () => {
  const node = await startNode(scratch.databaseUrl)
  const { socket } = await connect(node.url, randomUUID(), { transport: 'websocket' })
  const reason = new Promise<string>((resolve) => socket.once('disconnect', resolve))
  node.close()
  // For this reason the client connects again; after "io server disconnect" it would not.
  expect(await reason).toBe('transport close')
  expect((await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`)).status).toBe(403)
  expect(await (await fetch(node.url)).text()).toBe('the api')
})

async function insertTask(account: string): Promise<string> {
  const id = randomUUID()
  await database.sql`INSERT INTO tasks (id, account_id, type, name, status, parameters)
    VALUES (${id}, ${account}, 'Test', 'test', 'InProgress', '{}')`
  return id
}

async function commit(node: ApiNode, event: NewEvent): Promise<void> {
  await appendEvent(database.sql, event)
  node.signals.send({ kind: 'events' })
}

async function delivered(to: ApiNode, from: ApiNode): Promise<void> {
  const taskId = randomUUID()
  await new Promise<void>((resolve) => {
    to.signals.onTask(taskId, resolve)
    from.signals.send({ kind: 'task', taskId })
  })
}

function progress(accountId: string, taskId: string, counter: number): Signal {
  const event = { type: 'upload.progress', data: progressData(taskId, counter) } as const
  return { kind: 'progress', accountId, poolIds: [], taskId, epoch: 0, counter, event }
}

function progressData(taskId: string, chunksUploaded: number) {
  const ended = chunksUploaded === 10
  return {
    taskId,
    fileName: 'a.bin',
    fileSize: 10,
    chunksUploaded,
    chunksTotal: 10,
    progress: chunksUploaded * 10,
    status: ended ? ('Completed' as const) : ('InProgress' as const),
    lastActivity: '2026-01-01T00:00:00.000Z',
  }
}
