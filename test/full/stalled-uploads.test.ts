import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holdRequest } from '../support/held-request.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

describe('a chunk of which nothing comes any more', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ workers: 0 })
  })
  afterAll(() => stage.close())

  it('is given up within 15 s while its connection stays open, and one that comes slowly is not', async () => {
    const client = await stage.client()
    const bytes = randomBytes(3000)
    const { taskId } = (await client.create(bytes, { chunkSize: 1000 })).body
    const path = (index: number) => `/api/files/upload/chunk/${String(taskId)}/${index}`
    const raw = holdRequest(client, 'PUT', path(0), { 'content-length': 1000 })
    const form = holdRequest(client, 'POST', path(1), { 'content-type': 'multipart/form-data; boundary=cut' })
    const slow = holdRequest(client, 'PUT', path(2), { 'content-length': 1000 })
    await raw.send(bytes.subarray(0, 300))
    await form.send('--cut\r\nContent-Disposition: form-data; name="chunk"; filename="c"\r\n\r\nabc')
    let sentBytes = 0
    const trickle = setInterval(() => void slow.send(bytes.subarray(2000 + sentBytes, 2000 + (sentBytes += 50))), 1000)
    await slow.send(bytes.subarray(2000, 2000 + (sentBytes += 50)))
    await until(async () => {
      const rows = await stage.sql`select 1 from upload_chunks where lease_token is not null`
      return rows.length === 3 ? true : undefined
    })
    const heldAt = performance.now()
    for (const stalled of [raw, form]) {
      const answer = await stalled.answer
      expect(answer).toMatchObject({ status: 408, body: { code: 'CHUNK_STALLED', status: 408 } })
      expect(answer.headers.connection).toBe('close')
      stalled.cut()
    }
    expect(performance.now() - heldAt).toBeLessThan(15_000)
    expect(await client.putChunk(String(taskId), 0, bytes.subarray(0, 1000))).toMatchObject({ status: 200 })
    expect(await client.postChunk(String(taskId), 1, bytes.subarray(1000, 2000))).toMatchObject({ status: 200 })
    clearInterval(trickle)
    expect(sentBytes).toBeLessThan(1000)
    await slow.send(bytes.subarray(2000 + sentBytes))
    slow.end()
    expect(await slow.answer).toMatchObject({ status: 200 })
  })
})
