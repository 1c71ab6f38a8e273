import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { holdRequest } from '../support/held-request.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

describe('waiting for completion over HTTP', () => {
  let stage: Stage
  let client: TestClient
  const bytes = randomBytes(10)

  beforeAll(async () => {
    stage = await openStage({ workers: 0 })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  async function sent(): Promise<string> {
    const taskId = String((await client.create(randomBytes(10), {})).body['taskId'])
    await client.putChunk(taskId, 0, bytes)
    return taskId
  }

  async function finishing(taskId: string): Promise<void> {
    await until(async () => {
      const rows = await stage.sql`select 1 from uploads where task_id = ${taskId} and phase = 'finishing'`
      return rows.length === 1 ? true : undefined
    })
  }

  it('goes on without the one who asked, and its answer is there for whoever asks again', async () => {
    const taskId = await sent()
    const gone = holdRequest(client, 'POST', `/api/files/upload/complete/${taskId}`, { 'content-length': 0 })
    gone.end()
    await finishing(taskId)
    gone.cut()
    expect(await client.complete(taskId, { prefer: 'wait=0' })).toMatchObject({
      status: 202,
      body: { phase: 'finishing' },
    })
  })

  it('does not take a chunk while it is finishing, for all of them are there', async () => {
    const taskId = await sent()
    await client.complete(taskId, { prefer: 'wait=0' })
    expect(await client.putChunk(taskId, 0, bytes)).toMatchObject({
      status: 409,
      body: { code: 'CHUNK_ALREADY_UPLOADED' },
    })
  })

  it('can be cancelled while it waits for a worker, and whoever waits hears of it', async () => {
    const taskId = await sent()
    const waiting = client.complete(taskId)
    await finishing(taskId)
    expect((await client.call('DELETE', `/api/files/upload/task/${taskId}`)).status).toBe(204)
    expect(await waiting).toMatchObject({
      status: 410,
      body: { code: 'UPLOAD_ENDED', details: { status: 'Cancelled' } },
    })
  })

  it('is answered 202 at once when the process is told to stop', async () => {
    const taskId = await sent()
    const waiting = client.complete(taskId)
    await finishing(taskId)
    const [api] = stage.system.apis
    api?.kill('SIGTERM')
    expect(await waiting).toMatchObject({ status: 202, body: { taskId, phase: 'finishing' } })
    expect(await api?.exited).toMatchObject({ code: 0 })
  })
})
