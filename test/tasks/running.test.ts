import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { createTask, showTask, untilStatus, untilTask, verb, withTestTypes } from '../support/tasks.ts'

/** How soon a run must have heard of a change, even when the message about it was lost. */
const heardWithinMs = 2500

describe('a running task', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ workers: 2, env: withTestTypes })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const untilReleased = (taskId: string) =>
    until(async () => {
      const rows = await stage.sql`select 1 from tasks where id = ${taskId} and lease_expires_at is null`
      return rows.length === 1 ? true : undefined
    }, heardWithinMs)
  const reached = async (taskId: string): Promise<number> => {
    const [row] = await stage.sql<{ reached: number }[]>`
      select (checkpoint ->> 'reached')::int as reached from tasks where id = ${taskId}`
    return row?.reached ?? 0
  }
  const untilReached = (taskId: string, least: number) =>
    until(async () => ((await reached(taskId)) >= least ? true : undefined))

  it('is paused where it stands, and goes on from its checkpoint', async () => {
    const taskId = await createTask(client, 'Count', { to: 60 })
    await untilReached(taskId, 3)
    const paused = await verb(client, taskId, 'pause')
    expect(paused).toMatchObject({ status: 200, body: { status: 'Paused' } })
    expect((await verb(client, taskId, 'pause')).status).toBe(200)
    await untilReleased(taskId)
    const stoppedAt = await reached(taskId)
    expect(stoppedAt).toBeLessThan(60)
    expect(await verb(client, taskId, 'resume')).toMatchObject({ status: 200, body: { status: 'Pending' } })
    const done = await untilStatus(client, taskId, 'Completed')
    expect(done).toMatchObject({ results: { reached: 60, beganAt: [0, stoppedAt] }, attempts: 1, progress: 100 })
    const types = await stage.eventTypes(taskId)
    expect(types).toEqual([
      'task.created',
      'task.started',
      'task.paused',
      'task.resumed',
      'task.started',
      'task.completed',
    ])
  })

  it('survives pause and resume in quick succession with nothing counted twice', async () => {
    const taskId = await createTask(client, 'Count', { to: 80 })
    await untilReached(taskId, 2)
    for (let round = 0; round < 5; round++) {
      await verb(client, taskId, 'pause')
      await verb(client, taskId, 'resume')
    }
    const { results } = await untilStatus(client, taskId, 'Completed')
    expect(results).toMatchObject({ reached: 80 })
  })

  it('hears of a pause by its heartbeat when the message is lost', async () => {
    const taskId = await createTask(client, 'Count', { to: 2000 })
    await untilReached(taskId, 2)
    await stage.sql`update tasks set status = 'Paused', runnable = false where id = ${taskId}`
    await untilReleased(taskId)
    expect(await showTask(client, taskId)).toMatchObject({ status: 'Paused', progress: expect.any(Number) })
    expect(await verb(client, taskId, 'cancel')).toMatchObject({ status: 200, body: { status: 'Cancelled' } })
  })

  it('is cancelled for good, until somebody retries it', async () => {
    const taskId = await createTask(client, 'Count', { to: 40 })
    await untilReached(taskId, 3)
    expect(await verb(client, taskId, 'cancel')).toMatchObject({
      status: 200,
      body: { status: 'Cancelled', results: null, completedAt: expect.any(String) },
    })
    await untilReleased(taskId)
    expect((await verb(client, taskId, 'cancel')).status).toBe(200)
    expect(await verb(client, taskId, 'resume')).toMatchObject({ status: 409, body: { code: 'TASK_STATE' } })
    expect(await stage.eventTypes(taskId)).toEqual(['task.created', 'task.started', 'task.cancelled'])
    expect(await verb(client, taskId, 'retry')).toMatchObject({ status: 200, body: { status: 'Pending' } })
    expect(await untilStatus(client, taskId, 'Completed')).toMatchObject({ results: { reached: 40 }, attempts: 1 })
  })

  it('expires with its deadline, and so does one that waits or is paused', async () => {
    const expiredAt = new Date(Date.now() + 1500).toISOString()
    const running = await createTask(client, 'Count', { to: 2000 }, { expiredAt })
    const waiting = await createTask(client, 'Count', { to: 1 }, { expiredAt, after: [running] })
    const paused = await createTask(client, 'Count', { to: 2000 }, { expiredAt })
    await verb(client, paused, 'pause')
    await untilReached(running, 1)
    for (const taskId of [running, waiting, paused]) {
      // The one that waits may be cancelled instead, when what it waits for goes first.
      const ended = await untilTask(client, taskId, (task) => /Expired|Cancelled/.test(String(task['status'])), 5000)
      expect(ended['errorMessage']).toMatch(/deadline|waits for/)
      expect(new Date(String(ended['completedAt'])).getTime()).toBeGreaterThanOrEqual(Date.parse(expiredAt))
      await untilReleased(taskId)
    }
    expect(await showTask(client, running)).toMatchObject({ status: 'Expired' })
    expect(await stage.eventTypes(paused)).toContain('task.expired')
    expect(await verb(client, paused, 'retry')).toMatchObject({ status: 409, body: { details: { status: 'Expired' } } })
  })

  it('waits in vain when it is paused before its turn, until it is resumed', async () => {
    // Both workers have one slot each for tasks of middling priority.
    const busy = await Promise.all([1, 2].map(() => createTask(client, 'Count', { to: 2000 })))
    for (const taskId of busy) await untilReached(taskId, 1)
    const taskId = await createTask(client, 'Echo')
    expect(await verb(client, taskId, 'pause')).toMatchObject({ body: { status: 'Paused', startedAt: null } })
    for (const one of busy) await verb(client, one, 'cancel')
    const after = await createTask(client, 'Echo')
    await untilStatus(client, after, 'Completed')
    expect(await showTask(client, taskId)).toMatchObject({ status: 'Paused', startedAt: null })
    await verb(client, taskId, 'resume')
    expect(await untilStatus(client, taskId, 'Completed')).toMatchObject({ attempts: 1 })
  })

  it('may answer 256 KiB and not more, and only what its type promises', async () => {
    const overheadBytes = JSON.stringify({ text: '' }).length
    const most = 256 * 1024 - overheadBytes
    const fits = await createTask(client, 'Bulky', { sizeBytes: most })
    const tooMuch = await createTask(client, 'Bulky', { sizeBytes: most + 1 })
    const wrong = await createTask(client, 'Bulky', { sizeBytes: 0 })
    expect((await untilStatus(client, fits, 'Completed'))['results']).toEqual({ text: 'x'.repeat(most) })
    expect(await untilStatus(client, tooMuch, 'Failed')).toMatchObject({
      errorCode: 'RESULTS_TOO_LARGE',
      errorMessage: expect.stringContaining('262144'),
      results: null,
      attempts: 1,
    })
    expect(await untilStatus(client, wrong, 'Failed')).toMatchObject({ errorCode: 'RESULTS_INVALID', attempts: 1 })
  })
})
