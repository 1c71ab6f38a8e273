import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStage, type Stage } from '../support/stage.ts'
import { ask, type Client, connect } from '../support/socket-node.ts'
import { until } from '../support/system.ts'
import { createTask, untilStatus, untilTask, verb, withTestTypes } from '../support/tasks.ts'

describe('watching a task', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ apis: 2, env: withTestTypes })
  })
  afterAll(() => stage.close())

  const of = ({ received }: Client, taskId: string) => received.filter((event) => event.data['taskId'] === taskId)
  const durable = (watcher: Client, taskId: string) =>
    of(watcher, taskId)
      .filter((event) => event.type !== 'task.progress')
      .map((event) => event.type)
  const untilHeard = (watcher: Client, taskId: string, type: string) =>
    until(async () => of(watcher, taskId).find((event) => event.type === type))

  it('tells its room everything that becomes of it, in order, at every API process', async () => {
    const client = await stage.client()
    const watchers = await Promise.all(
      stage.system.urls.map((url) => connect(url, client.token, { transport: 'websocket' })),
    )
    const taskId = await createTask(client, 'Count', { to: 60 }, { name: 'seen' })
    for (const watcher of watchers) {
      expect(await ask(watcher, 'subscribe', { room: `task:${taskId}` })).toMatchObject({ ok: true })
    }
    await untilTask(client, taskId, (task) => Number(task['progress']) > 5)
    await verb(client, taskId, 'pause')
    await verb(client, taskId, 'resume')
    await untilStatus(client, taskId, 'Completed')
    for (const watcher of watchers) {
      const completed = await untilHeard(watcher, taskId, 'task.completed')
      expect(completed.data).toEqual({
        taskId,
        name: 'seen',
        type: 'Count',
        completedAt: expect.any(String),
        results: expect.objectContaining({ reached: 60 }),
        seq: 6,
      })
      expect(durable(watcher, taskId)).toEqual([
        'task.created',
        'task.started',
        'task.paused',
        'task.resumed',
        'task.started',
        'task.completed',
      ])
      const progress = of(watcher, taskId).filter((event) => event.type === 'task.progress')
      expect(progress.length).toBeGreaterThan(0)
      expect(progress[0]?.data).toEqual({
        taskId,
        name: 'seen',
        type: 'Count',
        status: 'InProgress',
        progress: expect.any(Number),
        statusMessage: expect.stringMatching(/^\d+ of 60$/),
        lastActivity: expect.any(String),
      })
    }
  })

  it('tells of progress at first and at last, and in between every 5 % or second, however often the run reports', async () => {
    const client = await stage.client()
    const watcher = await connect(client.url, client.token, { transport: 'websocket' })
    const taskId = await createTask(client, 'Count', { to: 100, everyMs: 10 })
    await untilStatus(client, taskId, 'Completed')
    await untilHeard(watcher, taskId, 'task.completed')
    const told = of(watcher, taskId)
      .filter((event) => event.type === 'task.progress')
      .map(({ data }) => ({ percent: Number(data['progress']), atMs: Date.parse(String(data['lastActivity'])) }))
    expect(told.length).toBeGreaterThan(2)
    expect(told[0]?.percent).toBeLessThan(5)
    expect(told.at(-1)?.percent).toBe(100)
    for (const [index, { percent, atMs }] of told.slice(1, -1).entries()) {
      const { percent: before, atMs: beforeMs } = told[index] ?? { percent: 100, atMs }
      // Rounded to a tenth, each of them; and the ledger takes its time.
      expect(percent - before >= 4.8 || atMs - beforeMs >= 900).toBe(true)
      expect(percent).toBeGreaterThan(before)
    }
  })

  it('tells of failures, retries and cancellations, with their reasons', async () => {
    const client = await stage.client()
    const watcher = await connect(client.url, client.token, { transport: 'websocket' })
    const first = await createTask(client, 'Flaky', { failures: 9 })
    const second = await createTask(client, 'Echo', {}, { after: [first] })
    const failed = await untilHeard(watcher, first, 'task.failed')
    expect(failed.data).toMatchObject({ type: 'Flaky', failedAt: expect.any(String), errorMessage: expect.any(String) })
    expect(durable(watcher, first).filter((type) => type === 'task.retried')).toHaveLength(2)
    expect((await untilHeard(watcher, second, 'task.cancelled')).data).toMatchObject({
      cancelledAt: expect.any(String),
      reason: `It waits for task ${first}, which is Failed.`,
    })
  })

  it('is nothing for another account', async () => {
    const [owner, stranger] = [await stage.client(), await stage.client()]
    const spy = await connect(stranger.url, stranger.token, { transport: 'websocket' })
    const watcher = await connect(owner.url, owner.token, { transport: 'websocket' })
    const taskId = await createTask(owner, 'Echo')
    expect(await ask(spy, 'subscribe', { room: `task:${taskId}` })).toMatchObject({ code: 'TASK_NOT_FOUND' })
    await untilHeard(watcher, taskId, 'task.completed')
    await ask(spy, 'unsubscribe', { room: `task:${taskId}` })
    expect(spy.received).toEqual([])
  })
})
