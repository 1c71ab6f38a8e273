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

  it('is alive without a worker, but not ready, until one comes; and again when it has gone', async () => {
    expect(await ask('live')).toEqual({ status: 200, body: { status: 'ok' } })
    const unready = { status: 'unavailable', database: true, engine: true, workers: 0 }
    expect(await ask('ready')).toEqual({ status: 503, body: unready })
    expect(await ask('uploads')).toMatchObject({ status: 503, body: { ...unready, storage: true } })

    const worker = await stage.system.startWorker()
    expect(await ask('ready')).toEqual({
      status: 200,
      body: { status: 'ok', database: true, engine: true, workers: 1 },
    })
    expect(await ask('uploads')).toEqual({
      status: 200,
      body: {
        status: 'ok',
        database: true,
        engine: true,
        workers: 1,
        storage: true,
        pools: [{ poolId: '550e8400-e29b-41d4-a716-446655440000', problem: null, freeBytes: expect.any(Number) }],
        queues: {
          high: { waiting: 0, active: 0 },
          normal: { waiting: 0, active: 0 },
          low: { waiting: 0, active: 0 },
        },
        unservedTypes: [],
      },
    })
    worker.kill('SIGTERM')
    await worker.exited
    expect(await ask('ready')).toMatchObject({ status: 503, body: { workers: 0 } })
  })

  it('does not count a worker that has not been heard of for long', async () => {
    const worker = await stage.system.startWorker()
    worker.kill('SIGKILL')
    await worker.exited
    expect(await ask('ready')).toMatchObject({ status: 200 })
    await stage.sql`update workers set seen_at = now() - interval '16 seconds'`
    expect(await ask('ready')).toMatchObject({ status: 503, body: { workers: 0 } })
  })

  it('names the types of waiting tasks that no worker knows, until one comes', async () => {
    const client = await stage.client()
    const [taskId] = [await createTask(client, 'Echo'), await createTask(client, 'Echo')]
    expect(await ask('uploads')).toMatchObject({ body: { unservedTypes: [{ type: 'Echo', waiting: 2 }] } })
    expect(await showTask(client, taskId)).toMatchObject({ status: 'Pending', startedAt: null })
    const worker = await stage.system.startWorker()
    await untilStatus(client, taskId, 'Completed')
    await until(async () =>
      JSON.stringify((await ask('uploads')).body).includes('"unservedTypes":[]') ? true : undefined,
    )
    worker.kill('SIGTERM')
    await worker.exited
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
