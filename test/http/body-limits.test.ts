import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { holdRequest } from '../support/held-request.ts'
import { openStage, type Stage } from '../support/stage.ts'

const env = {
  HTTP_MAX_BODY_BYTES: '2000',
  HTTP_MAX_LARGE_BODY_BYTES: '4000',
  HTTP_MAX_TASKS_BODY_BYTES: '6000',
  HTTP_BODY_TIMEOUT_SECONDS: '1',
  UPLOAD_STALL_TIMEOUT_SECONDS: '1',
  UPLOAD_SLOW_START_SECONDS: '3',
  UPLOAD_MIN_BYTES_PER_SECOND: '1000000',
}

let stage: Stage
beforeAll(async () => {
  stage = await openStage({ workers: 0, env })
})
afterAll(() => stage.close())

it.each([
  ['/api/bundles', 2000],
  [`/api/files/upload/direct/${randomUUID()}/parts`, 4000],
  ['/api/tasks', 6000],
  ['/api/tasks/batch', 6000],
])('a body for %s may have the %i bytes that are set, and not one more', async (path, mostBytes) => {
  const { url, token } = await stage.client()
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const post = async (sizeBytes: number) => {
    const response = await fetch(url + path, { method: 'POST', headers, body: '{}'.padEnd(sizeBytes) })
    return response.json()
  }
  expect(await post(mostBytes)).toMatchObject({ status: 400, code: 'VALIDATION_FAILED' })
  expect(await post(mostBytes + 1)).toMatchObject({ status: 413, code: 'BODY_TOO_LARGE' })
})

it('a body that takes longer than is set ends its connection', async () => {
  const client = await stage.client()
  const headers = { 'content-type': 'application/json', 'content-length': 100 }
  const slow = holdRequest(client, 'POST', '/api/bundles', headers)
  await slow.send('{')
  const answer = await slow.answer
  expect(answer).toMatchObject({ status: 408, body: { code: 'REQUEST_TIMEOUT' }, headers: { connection: 'close' } })
  slow.cut()
})

it('a chunk is ended when no byte of it comes for as long as is set', async () => {
  const client = await stage.client()
  const { taskId } = (await client.create(Buffer.alloc(1000), { chunkSize: 1000 })).body
  const stalled = holdRequest(client, 'PUT', `/api/files/upload/chunk/${String(taskId)}/0`, { 'content-length': 1000 })
  await stalled.send(Buffer.alloc(300))
  const answer = await stalled.answer
  expect(answer).toMatchObject({ status: 408, body: { code: 'CHUNK_STALLED' } })
  expect(answer.body['message']).toContain('arrived for 1 s')
  stalled.cut()
})

it('a chunk is ended when it is still too slow after the time that is set', async () => {
  const client = await stage.client()
  const bytes = Buffer.alloc(100_000)
  const { taskId } = (await client.create(bytes, { chunkSize: bytes.length })).body
  const path = `/api/files/upload/chunk/${String(taskId)}/0`
  const slow = holdRequest(client, 'PUT', path, { 'content-length': bytes.length })
  const trickle = setInterval(() => void slow.send(Buffer.alloc(50)).catch(() => {}), 100)
  const answer = await slow.answer
  clearInterval(trickle)
  expect(answer).toMatchObject({ status: 408, body: { code: 'CHUNK_STALLED' } })
  expect(answer.body['message']).toContain('arrived too slowly')
  slow.cut()
})
