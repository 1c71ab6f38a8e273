import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256, type TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'

describe('uploads of every size', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage()
    client = await stage.client()
  })
  afterAll(() => stage.close())

  it.each([
    ['nothing at all', 0, 0],
    ['one byte', 1, 1],
    ['one byte less than a chunk', 999, 1],
    ['exactly one chunk', 1000, 1],
    ['one byte more than a chunk', 1001, 2],
    ['exactly several chunks', 7000, 7],
    ['several chunks and a byte', 7001, 8],
  ])('%s', async (_, sizeBytes, chunksCount) => {
    const bytes = randomBytes(sizeBytes)
    const { taskId, file } = await client.upload(bytes, { chunkSize: 1000 })
    expect(file).toMatchObject({ size: sizeBytes, hash: sha256(bytes) })
    expect((await client.download(file['id'])).equals(bytes)).toBe(true)
    const { body } = await client.call('GET', `/api/files/upload/progress/${taskId}`)
    expect(body).toMatchObject({ chunksTotal: chunksCount, chunksUploaded: chunksCount, progress: 100 })
  })

  it('an empty file has no chunk to send', async () => {
    const { body } = await client.create(Buffer.alloc(0), { hash: sha256(Buffer.from('not empty')) })
    expect(body).toMatchObject({ chunksCount: 0 })
    const taskId = String(body['taskId'])
    expect(await client.putChunk(taskId, 0, Buffer.alloc(0))).toMatchObject({
      status: 400,
      body: { code: 'CHUNK_INDEX_INVALID' },
    })
    expect(await client.complete(taskId)).toMatchObject({ status: 422, body: { code: 'HASH_MISMATCH' } })
  })

  it.each([
    [10_000, 1, 1, 10_000],
    [10_001, 1, 65_536, 1],
    [10_000 * 65_536 + 1, 1, 131_072, 5001],
    [100 * 2 ** 30, 2 ** 20, 10_747_904, 9991],
  ])('%d bytes in chunks of %d are planned as chunks of %d', async (fileSize, chunkSize, planned, chunksCount) => {
    const hash = createHash('sha256').update(String(fileSize)).digest('hex')
    const { body } = await client.create(Buffer.alloc(0), { fileSize, chunkSize, hash })
    expect(body).toMatchObject({ chunkSize: planned, chunksCount })
    expect(planned * (chunksCount - 1)).toBeLessThan(fileSize)
    expect((await client.call('DELETE', `/api/files/upload/task/${String(body['taskId'])}`)).status).toBe(204)
  })
})
