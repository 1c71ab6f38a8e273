import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { holdRequest } from '../support/held-request.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

describe('ending an upload before it is a file', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ env: { UPLOAD_STALE_THRESHOLD_HOURS: '1' } })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  async function begin(bytes: Buffer, chunkSize: number): Promise<string> {
    return String((await client.create(bytes, { chunkSize })).body['taskId'])
  }

  const cancel = (taskId: string) => client.call('DELETE', `/api/files/upload/task/${taskId}`)

  it('by DELETE frees the disk, and doing it again is the same', async () => {
    const bytes = randomBytes(3000)
    const taskId = await begin(bytes, 1000)
    await client.putChunk(taskId, 1, bytes.subarray(1000, 2000))
    expect(await stage.stagingPath(taskId)).toBeDefined()
    expect((await cancel(taskId)).status).toBe(204)
    expect(await stage.stagingPath(taskId)).toBeUndefined()
    expect((await cancel(taskId)).status).toBe(204)
    expect(await stage.eventTypes(taskId)).toEqual(['task.created', 'task.cancelled'])
    expect(await stage.sql`select 1 from uploads where task_id = ${taskId} and sink_open`).toEqual([])
  })

  it('leaves nothing to be sent or completed, and says why', async () => {
    const bytes = randomBytes(1000)
    const taskId = await begin(bytes, 1000)
    await cancel(taskId)
    const ended = { status: 410, body: { code: 'UPLOAD_ENDED', details: { status: 'Cancelled' } } }
    expect(await client.putChunk(taskId, 0, bytes)).toMatchObject(ended)
    expect(await client.postChunk(taskId, 0, bytes)).toMatchObject(ended)
    expect(await client.complete(taskId)).toMatchObject(ended)
    const { body } = await client.call('GET', `/api/files/upload/resume/${taskId}`)
    expect(body).toMatchObject({ status: 'Cancelled', phase: 'done', uploadedChunks: [], fileId: null })
  })

  it('does not touch one that is completed', async () => {
    const bytes = randomBytes(1000)
    const { taskId, file } = await client.upload(bytes)
    expect(await cancel(taskId)).toMatchObject({
      status: 409,
      body: { code: 'TASK_STATE', details: { status: 'Completed' } },
    })
    expect((await client.download(file['id'])).equals(bytes)).toBe(true)
  })

  it('is not for another account to do', async () => {
    const taskId = await begin(randomBytes(1000), 1000)
    const stranger = await stage.client()
    expect((await stranger.call('DELETE', `/api/files/upload/task/${taskId}`)).status).toBe(404)
    expect((await client.call('GET', `/api/files/upload/progress/${taskId}`)).body).toMatchObject({
      status: 'InProgress',
    })
    expect(await stage.stagingPath(taskId)).toBeDefined()
  })

  it('while a chunk is being written leaves nothing on the disk', async () => {
    const bytes = randomBytes(600_000)
    const taskId = await begin(bytes, 600_000)
    const held = holdRequest(client, 'PUT', `/api/files/upload/chunk/${taskId}/0`, { 'content-length': 600_000 })
    await held.send(bytes.subarray(0, 400_000))
    await until(async () => {
      const rows = await stage.sql`select 1 from upload_chunks where task_id = ${taskId}`
      return rows.length === 1 ? true : undefined
    })
    expect((await cancel(taskId)).status).toBe(204)
    await held.send(bytes.subarray(400_000))
    held.end()
    expect(await held.answer).toMatchObject({ status: 410, body: { code: 'UPLOAD_ENDED' } })
    expect(await stage.stagingPath(taskId)).toBeUndefined()
    expect(await stage.sql`select 1 from upload_chunks where task_id = ${taskId}`).toEqual([])
  })

  it('while a worker finishes it leaves a file or nothing, never half of either', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const bytes = randomBytes(200_000)
        const taskId = await begin(bytes, 200_000)
        await client.putChunk(taskId, 0, bytes)
        const [completed, cancelled] = await Promise.all([client.complete(taskId), cancel(taskId)])
        return { taskId, bytes, completed, cancelled }
      }),
    )
    for (const { taskId, bytes, completed, cancelled } of outcomes) {
      expect(`${completed.status} ${cancelled.status}`).toMatch(/^(200 409|410 204)$/)
      // The cancellation may have come before a worker took it.
      const events = (await stage.eventTypes(taskId)).filter((type) => type !== 'task.started')
      const fileId = completed.body['id']
      const kept = completed.status === 200 ? await client.download(fileId) : undefined
      expect(kept === undefined || kept.equals(bytes)).toBe(true)
      expect(events).toEqual(['task.created', kept ? 'upload.completed' : 'task.cancelled'])
      const expected = kept ? 1 : 0
      const left = await until(async () => {
        const paths = (await stage.poolFiles()).filter((path) => path.includes(taskId))
        return paths.length === expected ? paths.length : undefined
      })
      expect(left).toBe(expected)
    }
  })

  it('by its age: nothing heard for longer than the threshold expires it', async () => {
    const bytes = randomBytes(2000)
    const stale = await begin(bytes, 1000)
    await client.putChunk(stale, 0, bytes.subarray(0, 1000))
    const others = await Promise.all(Array.from({ length: 120 }, () => begin(randomBytes(1000), 1000)))
    const fresh = await begin(randomBytes(1000), 1000)
    // The count of the chunk just sent is still to be noted, and that counts as activity.
    await until(async () => {
      const rows = await stage.sql`select 1 from uploads where task_id = ${stale} and chunks_uploaded = 1`
      return rows.length === 1 ? true : undefined
    })
    await stage.sql`update tasks set last_activity = now() - interval '61 minutes'
      where id = any(${[stale, ...others]})`
    await stage.sql`update tasks set last_activity = now() - interval '59 minutes' where id = ${fresh}`
    await stage.system.changeWorkers()
    const state = await until(async () => {
      const { body } = await client.call('GET', `/api/files/upload/resume/${stale}`)
      return body['status'] === 'Expired' ? body : undefined
    })
    expect(state).toMatchObject({ phase: 'done', fileId: null, errorMessage: expect.any(String) })
    await until(async () => ((await stage.stagingPath(stale)) === undefined ? true : undefined))
    expect(await stage.eventTypes(stale)).toEqual(['task.created', 'task.expired'])
    // However many there are, one sweep is enough: the next may be an hour away.
    await until(async () => {
      const rows = await stage.sql`select 1 from tasks where id = any(${others}) and status <> 'Expired'`
      return rows.length === 0 ? true : undefined
    })
    expect(await client.putChunk(stale, 1, bytes.subarray(1000))).toMatchObject({
      status: 410,
      body: { details: { status: 'Expired' } },
    })
    expect(await cancel(stale)).toMatchObject({ status: 409, body: { code: 'TASK_STATE' } })
    expect((await client.call('GET', `/api/files/upload/progress/${fresh}`)).body).toMatchObject({
      status: 'InProgress',
    })
  })
})
