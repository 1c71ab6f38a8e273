import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { createTask, untilStatus, untilTask, verb, withTestTypes } from '../support/tasks.ts'

let stage: Stage

beforeAll(async () => {
  stage = await openStage({ env: withTestTypes })
})
afterAll(() => stage.close())

type Streamed = { id: string | undefined; event: string | undefined; data: Record<string, unknown> }

/** What the stream of a task's events says until it ends. */
async function stream(client: TestClient, taskId: string, headers: Record<string, string> = {}, query = '') {
  const response = await fetch(`${client.url}/api/tasks/${taskId}/events${query}`, {
    headers: { authorization: `Bearer ${client.token}`, accept: 'text/event-stream', ...headers },
  })
  const blocks = (await response.text()).split('\n\n').filter((block) => block !== '' && block !== ':')
  return { response, events: blocks.map(readBlock) }
}

function readBlock(block: string): Streamed {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  )
  return { id: fields.get('id'), event: fields.get('event'), data: JSON.parse(fields.get('data') ?? 'null') }
}

const durable = (events: readonly Streamed[]) =>
  events.flatMap(({ id, event }) => (id === undefined ? [] : [[id, event]]))

test('the history comes first, then what happens, and the stream ends with the task', async () => {
  const client = await stage.client()
  const taskId = await createTask(client, 'Count', { to: 60 }, { name: 'streamed' })
  await untilTask(client, taskId, (task) => Number(task['progress']) > 5)
  const { response, events } = await stream(client, taskId)
  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(durable(events)).toEqual([
    ['1', 'task.created'],
    ['2', 'task.started'],
    ['3', 'task.completed'],
  ])
  expect(events.at(-1)?.data).toMatchObject({ taskId, name: 'streamed', seq: 3, results: { reached: 60 } })
  const percents = events.flatMap(({ event, data }) => (event === 'task.progress' ? [Number(data['progress'])] : []))
  expect(percents.length).toBeGreaterThan(1)
  expect(percents).toEqual([...percents].sort((a, b) => a - b))
  expect(percents.at(-1)).toBe(100)

  // Whoever comes back gets the rest, and who knows it all is sent away for good.
  expect(durable((await stream(client, taskId, { 'last-event-id': '2' })).events)).toEqual([['3', 'task.completed']])
  expect(durable((await stream(client, taskId, {}, '?after=1')).events)).toHaveLength(2)
  expect((await stream(client, taskId, { 'last-event-id': '3' })).response.status).toBe(204)
})

test('it is open at once, also when there is nothing to tell for long', async () => {
  const client = await stage.client()
  const taskId = await createTask(client, 'Count', { to: 2, everyMs: 600_000 })
  await untilStatus(client, taskId, 'InProgress')
  const open = await fetch(`${client.url}/api/tasks/${taskId}/events`, {
    headers: { authorization: `Bearer ${client.token}`, accept: 'text/event-stream', 'last-event-id': '2' },
    signal: AbortSignal.timeout(5000),
  })
  expect(open.status).toBe(200)
  await open.body?.cancel()
  await verb(client, taskId, 'cancel')
})

test('a task that was tried again after its end is told to its last end', async () => {
  const client = await stage.client()
  const taskId = await createTask(client, 'Flaky', { failures: 3 })
  await untilStatus(client, taskId, 'Failed')
  await verb(client, taskId, 'retry')
  await untilStatus(client, taskId, 'Failed')
  const types = (await stream(client, taskId)).events.map(({ event }) => event)
  expect(types.filter((type) => type === 'task.failed')).toHaveLength(2)
  expect(types.at(-1)).toBe('task.failed')
})

test('what is not there, not one’s own or makes no sense is refused before anything is sent', async () => {
  const [owner, stranger] = [await stage.client(), await stage.client()]
  const taskId = await createTask(owner, 'Echo')
  for (const [client, id] of [
    [stranger, taskId],
    [owner, randomUUID()],
  ] as const) {
    expect((await stream(client, id)).response.status).toBe(404)
  }
  for (const id of ['x', '-1', '1.5', '']) {
    const refused = await fetch(`${owner.url}/api/tasks/${taskId}/events`, {
      headers: { authorization: `Bearer ${owner.token}`, accept: 'text/event-stream', 'last-event-id': id },
    })
    expect(await refused.json()).toMatchObject({
      code: 'VALIDATION_FAILED',
      details: { errors: [{ field: 'Last-Event-ID' }] },
    })
  }
  const nobody = await fetch(`${owner.url}/api/tasks/${taskId}/events?token=${owner.token}`, {
    headers: { accept: 'text/event-stream' },
  })
  expect(nobody.status).toBe(401)
})

test('a process that stops ends its streams at once', async () => {
  const { url, process } = await stage.system.startApi()
  const client = { ...(await stage.client()), url }
  const taskId = await createTask(client, 'Count', { to: 3000 })
  const streamed = stream(client, taskId)
  await untilTask(client, taskId, (task) => Number(task['progress']) > 0.1)
  const startedMs = performance.now()
  process.kill('SIGTERM')
  expect(durable((await streamed).events).at(-1)).toEqual(['2', 'task.started'])
  expect(performance.now() - startedMs).toBeLessThan(5_000)
  await process.exited
  await verb(await stage.client({ account: client.account }), taskId, 'cancel')
})
