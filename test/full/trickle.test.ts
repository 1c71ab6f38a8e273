import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { holdRequest } from '../support/held-request.ts'
import { openStage } from '../support/stage.ts'

test('a chunk that only trickles is ended, so that it holds no connection for good', { timeout: 90_000 }, async () => {
  const stage = await openStage({ workers: 0 })
  const client = await stage.client()
  const bytes = randomBytes(500_000)
  const taskId = String((await client.create(bytes, { chunkSize: bytes.length })).body['taskId'])
  const slow = holdRequest(client, 'PUT', `/api/files/upload/chunk/${taskId}/0`, { 'content-length': bytes.length })
  let sentBytes = 0
  const trickle = setInterval(() => void slow.send(bytes.subarray(sentBytes, (sentBytes += 500))), 1000)
  expect(await slow.answer).toMatchObject({ status: 408, body: { code: 'CHUNK_STALLED' } })
  clearInterval(trickle)
  expect(sentBytes).toBeLessThan(60_000)
  expect(await client.putChunk(taskId, 0, bytes)).toMatchObject({ status: 200 })
  slow.cut()
  await stage.close()
})
