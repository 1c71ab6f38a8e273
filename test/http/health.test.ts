import { rm, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { createTask, showTask, untilStatus, withTestTypes } from '../support/tasks.ts'

describe('health', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ workers: 0, env: withTestTypes })
  })
  afterAll(() => stage.close())

  async function ask(path: string): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${stage.system.urls[0] ?? ''}/health/${path}`)
    return { status: response.status, body: { ...Object(await response.json()) } }
  }

  /** Answers are kept for a moment: asks until it is answered with this status. */
  const untilAnswered = (path: string, status: number) =>
    until(async () => {
      const answer = await ask(path)
      return answer.status === status ? answer : undefined
    })

  it('is alive without a worker, but not ready, until one comes; and again when it has gone', async () => {
    expect(await ask('live')).toEqual({ status: 200, body: { status: 'ok' } })
    const unready = { status: 'unavailable', database: true, engine: true, workers: 0 }
    expect(await ask('ready')).toEqual({ status: 503, body: unready })
    expect(await ask('uploads')).toMatchObject({ status: 503, body: { ...unready, storage: true } })

    const worker = await stage.system.startWorker()
    expect(await untilAnswered('ready', 200)).toEqual({
      status: 200,
      body: { status: 'ok', database: true, engine: true, workers: 1 },
    })
    const queue = { waiting: 0, active: 0, oldestWaitSeconds: 0, paused: false, workers: 1 }
    expect(await untilAnswered('uploads', 200)).toEqual({
      status: 200,
      body: {
        status: 'ok',
        database: true,
        engine: true,
        workers: 1,
        storage: true,
        pools: [{ poolId: '550e8400-e29b-41d4-a716-446655440000', problem: null, freeBytes: expect.any(Number) }],
        queues: { high: queue, normal: queue, low: queue },
        unservedTypes: [],
      },
    })
    worker.kill('SIGTERM')
    await worker.exited
    expect(await untilAnswered('ready', 503)).toMatchObject({ body: { workers: 0 } })
  })

  it('does not count a worker that has not been heard of for long', async () => {
    const worker = await stage.system.startWorker()
    worker.kill('SIGKILL')
    await worker.exited
    await untilAnswered('ready', 200)
    await stage.sql`update workers set seen_at = now() - interval '16 seconds'`
    expect(await untilAnswered('ready', 503)).toMatchObject({ body: { workers: 0 } })
  })

  it('names the types of waiting tasks that no worker knows, until one comes', async () => {
    const client = await stage.client()
    const [taskId] = [await createTask(client, 'Echo'), await createTask(client, 'Echo')]
    await stage.sql`update tasks set ready_at = now() - interval '1 hour' where id = ${taskId}`
    const body = await until(async () => {
      const found = (await ask('uploads')).body
      return JSON.stringify(found['unservedTypes']) === '[]' ? undefined : found
    })
    expect(body['unservedTypes']).toEqual([{ type: 'Echo', waiting: 2 }])
    const waits = { waiting: 2, active: 0, oldestWaitSeconds: expect.closeTo(3600, -2), workers: 0 }
    expect(body['queues']).toMatchObject({ normal: waits, high: { waiting: 0, oldestWaitSeconds: 0 } })
    expect(await showTask(client, taskId)).toMatchObject({ status: 'Pending', startedAt: null })
    const worker = await stage.system.startWorker()
    await untilStatus(client, taskId, 'Completed')
    await until(async () =>
      JSON.stringify((await ask('uploads')).body).includes('"unservedTypes":[]') ? true : undefined,
    )
    worker.kill('SIGTERM')
    await worker.exited
  })

  it('says when nobody finishes uploads: no worker serves their queue, or it is paused', async () => {
    const worker = await stage.system.startWorker()
    await untilAnswered('uploads', 200)
    await stage.sql`update workers set bands = '{normal,low}'`
    const { body } = await untilAnswered('uploads', 503)
    expect(body).toMatchObject({ storage: true, workers: 1, queues: { high: { workers: 0 }, low: { workers: 1 } } })
    await stage.sql`update workers set bands = '{high}'`
    await stage.sql`update bands set paused_at = now() where band = 'high'`
    const paused = await until(async () => {
      const answer = await ask('uploads')
      return JSON.stringify(answer.body).includes('"paused":true') ? answer : undefined
    })
    expect(paused).toMatchObject({ status: 503, body: { queues: { high: { workers: 1 } } } })
    await stage.sql`update bands set paused_at = null`
    worker.kill('SIGTERM')
    await worker.exited
  })

  it('costs the ledger the same, however many ask', async () => {
    const asked = async (): Promise<number> => {
      const [row] = await stage.sql<[{ count: number }]>`
        select xact_commit::int as count from pg_stat_database where datname = current_database()`
      return row.count
    }
    const before = await asked()
    const answers = await Promise.all(
      Array.from({ length: 400 }, (_, index) => ask(index % 2 === 0 ? 'uploads' : 'ready')),
    )
    expect(answers.filter(({ status }) => status === 429)).toEqual([])
    // Each answer took at least three transactions, and what else goes on here takes a few.
    expect((await asked()) - before).toBeLessThan(200)
  })

  it('says when the pool is gone', async () => {
    const uploads = `${stage.poolPath}/.uploads`
    await rm(uploads, { recursive: true })
    await writeFile(uploads, 'no folder')
    const sick = await until(async () => {
      const answer = await ask('uploads')
      return answer.body['storage'] === false ? answer : undefined
    })
    expect(sick.status).toBe(503)
    expect(sick.body).toMatchObject({ status: 'unavailable', database: true })
    expect(sick.body).toMatchObject({ pools: [{ problem: 'FAILED', freeBytes: null }] })
    expect(await ask('live')).toMatchObject({ status: 200 })
  })
})
