import { randomBytes, randomUUID } from 'node:crypto'
import { beforeEach, expect, it } from 'vitest'
import type { Storage } from '../../src/storage/contract.ts'
import { type FaultyStore, failure, slowDown, startFaultyStore } from '../support/faulty-store.ts'
import { bodyOf, never, SampleUpload, sampleChunkBytes } from '../support/sample-upload.ts'
import { s3StorageAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place, type S3Place, sharedS3Store } from '../support/s3-store.ts'

const part = { method: 'PUT', query: ['partNumber'] }
const completion = { method: 'POST', query: ['uploadId'] }
const twoChunks = 2 * sampleChunkBytes

describeWithS3('an S3 pool behind a faulty network', { timeout: 120_000 }, () => {
  let place: S3Place
  let faulty: FaultyStore
  let storage: Storage
  beforeEach(async () => {
    place = await openS3Place()
    faulty = await startFaultyStore((await sharedS3Store()).endpoint)
    storage = s3StorageAt(place, { endpoint: faulty.endpoint }).storage
  })

  async function expectFinished(upload: SampleUpload): Promise<void> {
    const sealed = await upload.seal(1)
    expect((await upload.contents(sealed)).equals(upload.bytes)).toBe(true)
    const { key } = await sealed.publish()
    await storage.removeSink(upload.sink, { id: upload.taskId, epoch: 1 }, key)
    expect(await place.listKeys()).toHaveLength(1)
    expect(await place.listUploads()).toEqual([])
  }

  it('asks again when the store is busy', async () => {
    const begun = faulty.inject({ method: 'POST', query: ['uploads'] }, slowDown, 2)
    const upload = await SampleUpload.begin(storage, twoChunks)
    await upload.writeAll()
    const completed = faulty.inject(completion, slowDown, 2)
    await expectFinished(upload)
    expect([begun.hits, completed.hits]).toEqual([2, 2])
  })

  it.each([
    { what: 'is reset on its way', fault: { kind: 'reset request', afterBytes: 2_000_000 } as const },
    { what: 'is answered by a 500 once it has gone', fault: failure(500, 'InternalError', { reached: true }) },
  ])('has a chunk sent again that $what: 503 with Retry-After', async ({ fault }) => {
    const upload = await SampleUpload.begin(storage, twoChunks)
    faulty.inject(part, fault, 1)
    await expect(upload.write(0)).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      retryAfterSeconds: expect.any(Number),
    })
    await upload.writeAll()
    await expectFinished(upload)
  })

  it.each([
    { what: 'an error inside a 200, done', fault: failure(200, 'InternalError', { reached: true }) },
    { what: 'an error inside a 200, not done', fault: failure(200, 'InternalError') },
    { what: 'a 500, done', fault: failure(500, 'InternalError', { reached: true }) },
    { what: 'a broken answer', fault: { kind: 'cut answer', afterBytes: 20, by: 'reset' } as const },
    { what: 'a broken answer that ends in order', fault: { kind: 'cut answer', afterBytes: 20, by: 'end' } as const },
  ])('finds out what became of a completion that was answered by $what', async ({ fault }) => {
    const upload = await SampleUpload.begin(storage, twoChunks)
    await upload.writeAll()
    const struck = faulty.inject(completion, fault, 1)
    await expectFinished(upload)
    expect(struck.hits).toBe(1)
  })

  it('goes on reading where the answer broke off', async () => {
    const upload = await SampleUpload.begin(storage, twoChunks)
    await upload.writeAll()
    const sealed = await upload.seal(1)
    for (const by of ['reset', 'end'] as const)
      faulty.inject({ method: 'GET' }, { kind: 'cut answer', afterBytes: 1_500_000, by }, 2)
    expect((await upload.contents(sealed)).equals(upload.bytes)).toBe(true)
  })

  it('stores an output whose parts were refused, reset and answered by half', async () => {
    const bytes = randomBytes(20_000_000)
    const writer = await storage.createObject({ id: randomUUID(), epoch: 1 })
    faulty.inject(part, slowDown, 1)
    faulty.inject(part, { kind: 'reset request', afterBytes: 1_000_000 }, 1)
    faulty.inject(completion, failure(500, 'InternalError', { reached: true }), 1)
    for await (const piece of bodyOf(bytes, 1_000_003)) await writer.write(piece)
    const { key } = await writer.publish()
    const read = await storage.read(key, { startBytes: 0, lengthBytes: bytes.length })
    const pieces: Buffer[] = []
    for await (const piece of read ?? []) pieces.push(piece)
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true)
    expect(await place.listUploads()).toEqual([])
  })

  it('says that a chunk cannot be taken while the store stays busy', async () => {
    const upload = await SampleUpload.begin(storage, twoChunks)
    faulty.inject(part, slowDown)
    const writing = storage.writeChunk(
      upload.sink,
      upload.slot(0),
      bodyOf(upload.bytes.subarray(0, sampleChunkBytes)),
      {
        onPiece: () => undefined,
        signal: never,
      },
    )
    await expect(writing).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  })
})
