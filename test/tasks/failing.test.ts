import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { createTask, listIn, showTask, untilStatus, verb, withTestTypes } from '../support/tasks.ts'

describe('a task whose run fails', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ env: withTestTypes })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const eventsOf = async (taskId: string) => listIn(await client.call('GET', `/api/tasks/${taskId}/events`))

  it('is tried again after growing pauses, until it succeeds', async () => {
    const taskId = await createTask(client, 'Flaky', { failures: 2 })
    expect(await untilStatus(client, taskId, 'Completed')).toMatchObject({
      attempts: 3,
      results: { attempt: 3 },
      errorCode: null,
      errorMessage: null,
    })
    const events = await eventsOf(taskId)
    expect(events.map((event) => event['type'])).toEqual([
      'task.created',
      'task.started',
      'task.retried',
      'task.started',
      'task.retried',
      'task.started',
      'task.completed',
    ])
    const at = events.map((event) => Date.parse(String(event['createdAt'])))
    const [first = 0, second = 0] = [2, 4].map((index) => (at[index + 1] ?? 0) - (at[index] ?? 0))
    // Half a second and a second, of which up to a half is taken off.
    expect(first).toBeGreaterThanOrEqual(250)
    expect(second).toBeGreaterThanOrEqual(500)
    expect(events[2]).toMatchObject({ data: { attempt: 2 } })
  })

  it('fails for good after its last attempt, tells nothing of the server, and can be retried by hand', async () => {
    const taskId = await createTask(client, 'Flaky', { failures: 9 })
    const failed = await untilStatus(client, taskId, 'Failed')
    expect(failed).toMatchObject({ attempts: 3, errorCode: 'INTERNAL', completedAt: expect.any(String), results: null })
    expect(JSON.stringify([failed, await eventsOf(taskId)])).not.toContain('secret')
    expect(await verb(client, taskId, 'retry')).toMatchObject({
      status: 200,
      body: { status: 'Pending', attempts: 0, errorCode: null, errorMessage: null, completedAt: null },
    })
    expect(await untilStatus(client, taskId, 'Failed')).toMatchObject({ attempts: 3 })
  })

  it('is not tried again when the error is permanent', async () => {
    const taskId = await createTask(client, 'Flaky', { failures: 0, permanent: true })
    expect(await untilStatus(client, taskId, 'Failed')).toMatchObject({
      attempts: 1,
      errorCode: 'HOPELESS',
      errorMessage: 'This cannot be done.',
    })
    expect(await stage.eventTypes(taskId)).toEqual(['task.created', 'task.started', 'task.failed'])
  })

  it('can be paused, cancelled and resumed between two attempts', async () => {
    const taskId = await createTask(client, 'Flaky', { failures: 1 })
    await expect.poll(() => stage.eventTypes(taskId), { timeout: 5000, interval: 10 }).toContain('task.retried')
    expect(await verb(client, taskId, 'pause')).toMatchObject({ status: 200, body: { status: 'Paused' } })
    await verb(client, taskId, 'resume')
    expect(await untilStatus(client, taskId, 'Completed')).toMatchObject({ attempts: 2 })
  })

  it('is retried with others of its kind by one request', async () => {
    const other = await stage.client()
    const permanent = { failures: 0, permanent: true }
    const failed = await Promise.all([1, 2, 3].map(() => createTask(other, 'Flaky', permanent)))
    for (const taskId of failed) await untilStatus(other, taskId, 'Failed')
    const large = await createTask(other, 'Bulky', { sizeBytes: 300_000 })
    await untilStatus(other, large, 'Failed')
    const cancelled = await createTask(other, 'Count', { to: 1000 })
    await verb(other, cancelled, 'cancel')
    const retry = (body: unknown) => other.call('POST', '/api/tasks/retry', { body })
    expect((await retry({ type: 'Flaky', limit: 2 })).body).toEqual({ retried: 2, refused: [] })
    for (const taskId of failed) await untilStatus(other, taskId, 'Failed')
    const began = await Promise.all(
      failed.map(async (taskId) => (await stage.eventTypes(taskId)).filter((type) => type === 'task.retried').length),
    )
    expect(began.sort((a, b) => a - b)).toEqual([0, 1, 1])
    expect(await showTask(other, cancelled)).toMatchObject({ status: 'Cancelled' })
    expect((await retry({ status: 'Cancelled' })).body).toEqual({ retried: 1, refused: [] })
    await verb(other, cancelled, 'cancel')
    expect((await retry({})).body).toEqual({ retried: 4, refused: [] })
    expect((await retry({ status: 'Completed' })).status).toBe(400)
    const stranger = await stage.client()
    expect((await stranger.call('POST', '/api/tasks/retry', { body: {} })).body).toEqual({ retried: 0, refused: [] })
  })

  it('does not retry an upload, whose bytes are gone', async () => {
    const created = await client.create(Buffer.from('gone'))
    const taskId = String(created.body['taskId'])
    await verb(client, taskId, 'cancel')
    expect(await verb(client, taskId, 'retry')).toMatchObject({ status: 409, body: { code: 'STAGING_GONE' } })
    const { body } = await client.call('POST', '/api/tasks/retry', {
      body: { type: 'FileUpload', status: 'Cancelled' },
    })
    expect(body).toEqual({ retried: 0, refused: [{ taskId, code: 'STAGING_GONE' }] })
  })
})
