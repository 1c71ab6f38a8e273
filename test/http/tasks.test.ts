import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, TestClient } from '../support/client.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { createTask, listIn, showTask, untilStatus, verb, withTestTypes } from '../support/tasks.ts'

describe('tasks over HTTP', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ env: withTestTypes })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    client.call('POST', `/api/tasks${path}`, { body, headers })
  const errorsOf = (answer: Answer): unknown => {
    expectRefusal(answer, 400, 'VALIDATION_FAILED')
    return Object.fromEntries(Object.entries(answer.body['details'] ?? {}))['errors']
  }

  it('creates a task with every field, shows it, and runs it', async () => {
    const expiredAt = '2099-01-01T00:00:00.000Z'
    const fields = { name: 'mine', description: 'all of it', priority: 70, estimatedDurationSeconds: 3, expiredAt }
    const created = await post('', { type: 'Echo', parameters: { value: [1, null] }, ...fields })
    expect(created.status).toBe(201)
    expect(created.body).toMatchObject({ ...fields, accountId: client.account, type: 'Echo' })
    const taskId = String(created.body['taskId'])
    expect(created.headers.get('location')).toBe(`/api/tasks/${taskId}`)
    expect(await untilStatus(client, taskId, 'Completed')).toEqual({
      ...fields,
      taskId,
      accountId: client.account,
      type: 'Echo',
      status: 'Completed',
      statusMessage: null,
      progress: 100,
      parameters: { value: [1, null] },
      results: { value: [1, null] },
      errorCode: null,
      errorMessage: null,
      attempts: 1,
      waitsFor: 0,
      scheduleId: null,
      scheduledFor: null,
      startedAt: expect.any(String),
      completedAt: expect.any(String),
      lastActivity: expect.any(String),
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    })
    expect(await stage.eventTypes(taskId)).toEqual(['task.created', 'task.started', 'task.completed'])
  })

  it('says what is wrong, field by field', async () => {
    const types = listIn(await client.call('GET', '/api/tasks/types')).map((one) => String(one['type']))
    expect(types).toEqual(expect.arrayContaining(['BulkOperation', 'Echo', 'FileMove']))
    const submittable = `must be one of ${types.sort().join(', ')}`
    for (const type of ['Nothing', 'FileUpload', '__proto__']) {
      expect(types).not.toContain(type)
      expect(errorsOf(await post('', { type }))).toEqual([{ field: 'type', message: submittable }])
    }
    const parameters = { number: 11, list: [{ name: 'a' }, { name: 1 }], typo: 1 }
    expect(errorsOf(await post('', { type: 'Echo', parameters }))).toEqual([
      { field: 'parameters.number', message: 'must be 10 at most' },
      { field: 'parameters.list.1.name', message: expect.any(String) },
      { field: 'parameters.typo', message: 'is not a known field' },
    ])
    for (const priority of [-1, 101, 1.5, '50']) {
      expect(errorsOf(await post('', { type: 'Echo', priority }))).toMatchObject([{ field: 'priority' }])
    }
    const past = new Date(Date.now() - 1000).toISOString()
    expect(errorsOf(await post('', { type: 'Echo', expiredAt: past, color: 1 }))).toMatchObject([
      { field: 'expiredAt' },
      { field: 'color', message: 'is not a known field' },
    ])
  })

  it('creates a batch of 1,000 in order, and not one more', async () => {
    const other = await stage.client()
    const tasks = Array.from({ length: 1000 }, (_, index) => ({ type: 'Echo', name: `no ${index}` }))
    const created = await other.call('POST', '/api/tasks/batch', { body: { tasks } })
    expect(created.status).toBe(201)
    const made = listIn({ ...created, body: JSON.parse(JSON.stringify(created.body['tasks'])) })
    expect(made.map((task) => task['name'])).toEqual(tasks.map((task) => task.name))
    expect(new Set(made.map((task) => task['taskId'])).size).toBe(1000)
    expect(errorsOf(await post('/batch', { tasks: [...tasks, { type: 'Echo' }] }))).toMatchObject([{ field: 'tasks' }])
    expect(errorsOf(await post('/batch', { tasks: [] }))).toMatchObject([{ field: 'tasks' }])
  })

  it('creates none of a batch of which one is wrong', async () => {
    const other = await stage.client()
    const tasks = [{ type: 'Echo' }, { type: 'Echo', parameters: { number: 11 } }, { type: 'Gone' }]
    expect(errorsOf(await other.call('POST', '/api/tasks/batch', { body: { tasks } }))).toEqual([
      { field: 'tasks.1.parameters.number', message: 'must be 10 at most' },
      { field: 'tasks.2.type', message: expect.stringContaining('must be one of') },
    ])
    expect((await other.call('GET', '/api/tasks')).headers.get('x-total')).toBe('0')
  })

  it('lists by type and status, sorted and in pages, and counts', async () => {
    const other = await stage.client()
    const ids: string[] = []
    for (const name of ['b', 'c', 'a']) {
      ids.push(await createTask(other, 'Echo', {}, { name, priority: ids.length }))
    }
    for (const taskId of ids) await untilStatus(other, taskId, 'Completed')
    const failed = await createTask(other, 'Flaky', { failures: 1, permanent: true }, { name: 'd' })
    await untilStatus(other, failed, 'Failed')
    const list = (query: string) => other.call('GET', `/api/tasks?${query}`)
    const names = async (query: string) => listIn(await list(query)).map((task) => task['name'])
    expect(await names('type=Echo&sortBy=name&sortDescending=false')).toEqual(['a', 'b', 'c'])
    expect(await names('status=Failed')).toEqual(['d'])
    expect(await names('type=Echo&sortBy=priority')).toEqual(['a', 'c', 'b'])
    expect((await names(''))[0]).toBe('d')
    const page = await list('sortBy=name&sortDescending=false&offset=1&limit=2')
    expect(listIn(page).map((task) => task['name'])).toEqual(['b', 'c'])
    expect(page.headers.get('x-total')).toBe('4')
    expect(errorsOf(await list('status=Done&limit=201&sortBy=id&offset=-1'))).toMatchObject([
      { field: 'status' },
      { field: 'sortBy' },
      { field: 'offset' },
      { field: 'limit' },
    ])
    expect((await other.call('GET', '/api/tasks/stats')).body).toEqual({
      total: 4,
      byStatus: { Pending: 0, InProgress: 0, Paused: 0, Completed: 3, Failed: 1, Cancelled: 0, Expired: 0 },
      byType: { Echo: 3, Flaky: 1 },
    })
  })

  it('lists 50 by default, the last to have done something first', async () => {
    const other = await stage.client()
    const tasks = Array.from({ length: 52 }, (_, index) => ({ type: 'Echo', name: `no ${index}`, priority: 90 }))
    expect((await other.call('POST', '/api/tasks/batch', { body: { tasks } })).status).toBe(201)
    const list = (query: string) => other.call('GET', `/api/tasks${query}`)
    await until(async () => ((await list('?status=Completed')).headers.get('x-total') === '52' ? true : undefined))
    const first = await createTask(other, 'Flaky', { failures: 1, permanent: true }, { priority: 90 })
    await untilStatus(other, first, 'Failed')
    const page = await list('')
    expect(page.headers.get('x-total')).toBe('53')
    const shown = listIn(page)
    expect(shown).toHaveLength(50)
    expect(shown[0]).toMatchObject({ taskId: first })
    const activity = shown.map((task) => String(task['lastActivity']))
    expect(activity).toEqual(activity.toSorted().reverse())
    const rest = listIn(await list('?offset=50'))
    expect(rest).toHaveLength(3)
    expect(new Set([...shown, ...rest].map((task) => task['taskId'])).size).toBe(53)
  })

  it('tells the types with the JSON Schema of their parameters, and none that cannot be submitted', async () => {
    const types = listIn(await client.call('GET', '/api/tasks/types'))
    const names = types.map((one) => one['type'])
    expect(names).toEqual(expect.arrayContaining(['BulkOperation', 'Count', 'Deaf', 'Flaky', 'Bulky', 'Echo']))
    expect(names).not.toContain('FileUpload')
    expect(types[names.indexOf('Count')]).toEqual({
      type: 'Count',
      title: 'Count up',
      maxAttempts: 5,
      parameters: expect.objectContaining({
        type: 'object',
        required: ['to'],
        additionalProperties: false,
        properties: expect.objectContaining({ to: expect.objectContaining({ type: 'integer', minimum: 1 }) }),
      }),
    })
  })

  it('changes the priority while it waits, and not afterwards', async () => {
    const taskId = await createTask(client, 'Echo')
    await untilStatus(client, taskId, 'Completed')
    const patch = (id: string, body: unknown) => client.call('PATCH', `/api/tasks/${id}`, { body })
    expectRefusal(await patch(taskId, { priority: 80 }), 409, 'TASK_STATE')
    const waiting = await createTask(client, 'Count', { to: 1000 })
    await verb(client, waiting, 'pause')
    await expect
      .poll(async () => (await patch(waiting, { priority: 80 })).body, { timeout: 5000 })
      .toMatchObject({ priority: 80 })
    expect(errorsOf(await patch(waiting, { priority: 101 }))).toMatchObject([{ field: 'priority' }])
    await verb(client, waiting, 'cancel')
  })

  it('deletes only what has ended', async () => {
    const taskId = await createTask(client, 'Count', { to: 1000 })
    const remove = () => client.call('DELETE', `/api/tasks/${taskId}`)
    const refused = await remove()
    expectRefusal(refused, 409, 'TASK_STATE')
    expect(refused.body['details']).toMatchObject({ taskId, status: expect.stringMatching(/Pending|InProgress/) })
    await verb(client, taskId, 'cancel')
    expect((await remove()).status).toBe(204)
    expectRefusal(await remove(), 404, 'TASK_NOT_FOUND')
    expect(await stage.eventTypes(taskId)).toEqual([])
  })

  it('refuses verbs that do not fit the state, and names the state', async () => {
    const taskId = await createTask(client, 'Echo')
    await untilStatus(client, taskId, 'Completed')
    for (const name of ['pause', 'resume', 'cancel', 'retry']) {
      const refused = await verb(client, taskId, name)
      expectRefusal(refused, 409, 'TASK_STATE')
      expect(refused.body['details']).toEqual({ taskId, status: 'Completed' })
    }
  })

  it('tells the history of a task, also from an event on', async () => {
    const taskId = await createTask(client, 'Echo')
    await untilStatus(client, taskId, 'Completed')
    const events = (query = '') => client.call('GET', `/api/tasks/${taskId}/events${query}`)
    expect(listIn(await events())).toMatchObject([
      { seq: 1, type: 'task.created', data: { taskId } },
      { seq: 2, type: 'task.started', data: { attempt: 1 } },
      { seq: 3, type: 'task.completed', data: { results: {} }, createdAt: expect.any(String) },
    ])
    expect(listIn(await events('?after=2')).map((event) => event['seq'])).toEqual([3])
    expect(errorsOf(await events('?after=x'))).toMatchObject([{ field: 'after' }])
  })

  it('is nothing for another account', async () => {
    const taskId = await createTask(client, 'Echo')
    const stranger = await stage.client()
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['GET', '/events'],
      ['POST', '/pause'],
      ['POST', '/cancel'],
      ['POST', '/retry'],
    ] as const) {
      expectRefusal(await stranger.call(method, `/api/tasks/${taskId}${path}`), 404, 'TASK_NOT_FOUND')
    }
    expectRefusal(
      await stranger.call('PATCH', `/api/tasks/${taskId}`, { body: { priority: 1 } }),
      404,
      'TASK_NOT_FOUND',
    )
    expectRefusal(await client.call('GET', '/api/tasks/1'), 404, 'TASK_NOT_FOUND')
    expect(await showTask(client, taskId)).toMatchObject({ taskId, priority: 50 })
  })
})
