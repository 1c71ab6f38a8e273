import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { holdRequest } from '../support/held-request.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { verb } from '../support/tasks.ts'

describe('a paused upload', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage()
    client = await stage.client()
  })
  afterAll(() => stage.close())

  async function begin(bytes: Buffer, chunkSize: number): Promise<string> {
    return String((await client.create(bytes, { chunkSize })).body['taskId'])
  }

  it('refuses chunks and completion until it is resumed, and keeps what it has', async () => {
    const bytes = randomBytes(3000)
    const piece = (index: number) => bytes.subarray(index * 1000, (index + 1) * 1000)
    const taskId = await begin(bytes, 1000)
    await client.putChunk(taskId, 0, piece(0))
    expect(await verb(client, taskId, 'pause')).toMatchObject({ status: 200, body: { status: 'Paused' } })
    const refused = await client.putChunk(taskId, 1, piece(1))
    expectRefusal(refused, 423, 'UPLOAD_PAUSED')
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expectRefusal(await client.postChunk(taskId, 1, piece(1)), 423, 'UPLOAD_PAUSED')
    expectRefusal(await client.complete(taskId), 423, 'UPLOAD_PAUSED')
    // What is there already is there, paused or not.
    expectRefusal(await client.putChunk(taskId, 0, piece(0)), 409, 'CHUNK_ALREADY_UPLOADED')
    expect((await client.call('GET', `/api/files/upload/resume/${taskId}`)).body).toMatchObject({
      status: 'Paused',
      uploadedChunks: [0],
    })
    expect(await verb(client, taskId, 'resume')).toMatchObject({ status: 200, body: { status: 'InProgress' } })
    for (const index of [1, 2])
      expect(await client.putChunk(taskId, index, piece(index))).toMatchObject({ status: 200 })
    const file = await client.complete(taskId)
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
  })

  it('takes a chunk to its end that was under way when it was paused, and then no other', async () => {
    const bytes = randomBytes(600_000)
    const taskId = await begin(bytes, 300_000)
    const held = holdRequest(client, 'PUT', `/api/files/upload/chunk/${taskId}/0`, { 'content-length': 300_000 })
    await held.send(bytes.subarray(0, 200_000))
    await until(async () => {
      const rows = await stage.sql`select 1 from upload_chunks where task_id = ${taskId}`
      return rows.length === 1 ? true : undefined
    })
    await verb(client, taskId, 'pause')
    await held.send(bytes.subarray(200_000, 300_000))
    held.end()
    expect(await held.answer).toMatchObject({ status: 200 })
    expectRefusal(await client.putChunk(taskId, 1, bytes.subarray(300_000)), 423, 'UPLOAD_PAUSED')
    await verb(client, taskId, 'resume')
    expect(await client.putChunk(taskId, 1, bytes.subarray(300_000))).toMatchObject({ status: 200 })
    const file = await client.complete(taskId)
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
  })

  it('whose chunks are all there is finished when it is resumed, and not before', async () => {
    const bytes = randomBytes(100_000)
    const taskId = await begin(bytes, bytes.length)
    await client.putChunk(taskId, 0, bytes)
    await stage.sql`update bands set paused_at = now()`
    expect((await client.complete(taskId, { prefer: 'respond-async' })).status).toBe(202)
    expect(await verb(client, taskId, 'pause')).toMatchObject({ status: 200, body: { status: 'Paused' } })
    await stage.sql`update bands set paused_at = null`
    await client.upload(randomBytes(1000))
    expectRefusal(await client.complete(taskId), 423, 'UPLOAD_PAUSED')
    await verb(client, taskId, 'resume')
    const file = await client.complete(taskId)
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
    expect(await stage.eventTypes(taskId)).toEqual([
      'task.created',
      'task.paused',
      'task.resumed',
      'task.started',
      'upload.completed',
    ])
  })
})
