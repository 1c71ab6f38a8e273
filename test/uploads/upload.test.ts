import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256 } from '../support/client.ts'
import { describeWithRedis, sharedRedis } from '../support/redis.ts'
import { openStage, type Stage } from '../support/stage.ts'

describe('an upload, with its jobs in Postgres', () => {
  journeys('postgres', () => undefined)
})

describeWithRedis('an upload, with its jobs in Redis', () => {
  journeys('redis', () => sharedRedis().redisUrl)
})

function journeys(engine: string, redisUrl: () => string | undefined): void {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ redisUrl: redisUrl() })
  })
  afterAll(() => stage.close())

  it(`runs on ${engine}`, () => {
    const started = stage.system.apis[0]?.logs.find((line) => line['msg'] === 'listening')
    expect(started?.['engine']).toBe(engine)
  })

  it('is broken off, resumed by what the server says alone, and comes back byte for byte', async () => {
    const client = await stage.client()
    const bytes = randomBytes(1_000_003)
    const created = await client.create(bytes, {
      chunkSize: 100_000,
      fileName: 'holiday.mp4',
      contentType: 'video/mp4',
    })
    expect(created).toMatchObject({ status: 200, body: { fileExists: false, chunkSize: 100_000, chunksCount: 11 } })
    const taskId = String(created.body['taskId'])
    const piece = (index: number) => bytes.subarray(index * 100_000, (index + 1) * 100_000)
    for (const index of [10, 3, 7])
      expect(await client.putChunk(taskId, index, piece(index))).toMatchObject({ status: 200 })

    const { body: state } = await client.call('GET', `/api/files/upload/resume/${taskId}`)
    expect(state).toMatchObject({
      taskId,
      fileName: 'holiday.mp4',
      fileSize: 1_000_003,
      contentType: 'video/mp4',
      hash: sha256(bytes),
      chunkSize: 100_000,
      chunksCount: 11,
      chunksUploaded: 3,
      uploadedChunks: [3, 7, 10],
      status: 'InProgress',
      phase: 'receiving',
      fileId: null,
      errorMessage: null,
    })
    const missing = Array.from({ length: 11 }, (_, index) => index).filter((index) => ![3, 7, 10].includes(index))
    await Promise.all(
      missing.map(async (index) => expect((await client.postChunk(taskId, index, piece(index))).status).toBe(200)),
    )
    const file = await client.complete(taskId)
    expect(file).toMatchObject({
      status: 200,
      body: { name: 'holiday.mp4', size: 1_000_003, contentType: 'video/mp4', hash: sha256(bytes), bundleId: null },
    })
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
    expect(await stage.eventTypes(taskId)).toEqual(['task.created', 'task.started', 'upload.completed'])
    expect(await stage.stagingPath(taskId)).toBeUndefined()
  })

  it('works under /drive as it does under /api', async () => {
    const client = await stage.client()
    const bytes = randomBytes(3000)
    const body = { fileName: 'a', fileSize: 3000, contentType: 'text/plain', hash: sha256(bytes), chunkSize: 2000 }
    const created = await client.call('POST', '/drive/files/upload/create', { body })
    const { taskId } = created.body
    await client.call('PUT', `/drive/files/upload/chunk/${taskId}/0`, { body: bytes.subarray(0, 2000) })
    const form = new FormData()
    form.append('chunk', new Blob([bytes.subarray(2000)]))
    await client.call('POST', `/drive/files/upload/chunk/${taskId}/1`, { body: form })
    expect((await client.call('GET', `/drive/files/upload/progress/${taskId}`)).body).toMatchObject({ progress: 100 })
    expect((await client.call('GET', `/drive/files/upload/resume/${taskId}`)).body).toMatchObject({ chunksUploaded: 2 })
    const file = await client.call('POST', `/drive/files/upload/complete/${taskId}`)
    expect(file.status).toBe(200)
    expect((await client.call('GET', `/drive/files/${file.body['id']}`)).body).toEqual(file.body)
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
  })

  it('is finished many at once, each with its own bytes', async () => {
    const client = await stage.client()
    const all = Array.from({ length: 12 }, (_, nth) => randomBytes(10_000 + nth))
    const files = await Promise.all(all.map((bytes) => client.upload(bytes, { chunkSize: 4000 })))
    const back = await Promise.all(files.map(({ file }) => client.download(file['id'])))
    expect(back.map(sha256)).toEqual(all.map(sha256))
  })
}
