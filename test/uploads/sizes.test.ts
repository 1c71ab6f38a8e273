import { createHash, randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
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

  it('10,000 chunks', async () => {
    const bytes = randomBytes(20_000 - 1)
    const { body } = await client.create(bytes, { chunkSize: 2 })
    expect(body).toMatchObject({ chunkSize: 2, chunksCount: 10_000 })
    const taskId = String(body['taskId'])
    const agent = new Agent({ keepAlive: true, maxSockets: 24 })
    let next = 0
    const send = async (): Promise<void> => {
      for (let index = next++; index < 10_000; index = next++) {
        const status = await put(agent, taskId, index, bytes.subarray(index * 2, index * 2 + 2))
        if (status !== 200) throw new Error(`chunk ${index} was answered ${status}`)
      }
    }
    await Promise.all(Array.from({ length: 24 }, send))
    agent.destroy()
    const file = await client.complete(taskId)
    expect(file).toMatchObject({ status: 200, body: { size: bytes.length, hash: sha256(bytes) } })
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
  }, 60_000)

  function put(agent: Agent, taskId: string, index: number, bytes: Buffer): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const sent = request(
        `${client.url}/api/files/upload/chunk/${taskId}/${index}`,
        { method: 'PUT', agent, headers: { authorization: `Bearer ${client.token}` } },
        (response) => response.resume().once('end', () => resolve(response.statusCode)),
      )
      sent.once('error', reject)
      sent.end(bytes)
    })
  }

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
