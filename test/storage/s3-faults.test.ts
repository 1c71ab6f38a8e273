import { randomBytes, randomUUID } from 'node:crypto'
import { expect, it } from 'vitest'
import type { Storage } from '../../src/storage/contract.ts'
import { type Fault, type FaultyStore, failure, slowDown, startFaultyStore } from '../support/faulty-store.ts'
import { bodyOf, never, SampleUpload, sampleChunkBytes } from '../support/sample-upload.ts'
import { s3StorageAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place, type S3Place } from '../support/s3-store.ts'

const begin = { method: 'POST', query: ['uploads'] }
const list = { method: 'GET', query: ['uploadId'] }
const completion = { method: 'POST', query: ['uploadId'] }
const part = { method: 'PUT', query: ['partNumber'] }
const twoChunks = 2 * sampleChunkBytes

type Scene = { place: S3Place; faulty: FaultyStore; storage: Storage }

/** A bucket of a test's own behind a network of its own, which breaks when it is told to. */
async function openScene(): Promise<Scene> {
  const place = await openS3Place()
  const faulty = await startFaultyStore(place.endpoint)
  const { storage } = s3StorageAt(place, { endpoint: faulty.endpoint })
  return { place, faulty, storage }
}

/** Has an upload finished, and expects that it is whole and that the bucket holds it once and nothing else. */
async function expectOneObject({ place, storage }: Scene, upload: SampleUpload): Promise<void> {
  const sealed = await upload.seal(1)
  expect(sealed.missing).toEqual([])
  expect((await upload.contents(sealed)).equals(upload.bytes)).toBe(true)
  const { key } = await sealed.publish()
  await storage.removeSink(upload.sink, { id: upload.taskId, epoch: 1 }, key)
  expect(await place.listKeys()).toEqual([place.prefix + key])
  expect(await place.listUploads()).toEqual([])
}

// Most of these wait for the next attempt most of the time, so they do it side by side.
describeWithS3('an S3 pool behind a network that breaks', { timeout: 120_000, concurrent: true }, () => {
  it('asks again when the store wants to be spared, whatever it is asked for', async () => {
    const scene = await openScene()
    const struck = [begin, list, completion, part].map((match) => scene.faulty.inject(match, slowDown, 2))
    const upload = await SampleUpload.begin(scene.storage, twoChunks)
    await upload.writeAll()
    await expectOneObject(scene, upload)
    expect(struck.map(({ hits }) => hits)).toEqual([2, 2, 2, 2])
  })

  it.each<[string, Fault]>([
    ['is reset on its way', { kind: 'reset request', afterBytes: 1_000_000 }],
    ['is answered by a 500 once it has gone', failure(500, 'InternalError', { reached: true })],
  ])('says of a part that %s that it is to be sent again, and takes it then', async (_how, fault) => {
    const scene = await openScene()
    const upload = await SampleUpload.begin(scene.storage, twoChunks)
    scene.faulty.inject(part, fault, 1)
    await expect(upload.write(0)).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      status: 503,
      retryAfterSeconds: expect.any(Number),
    })
    await upload.writeAll()
    await expectOneObject(scene, upload)
  })

  it.each(['reset', 'end'] as const)('goes on reading where an answer broke off by a %s', async (by) => {
    const { faulty, storage } = await openScene()
    const upload = await SampleUpload.begin(storage, twoChunks)
    await upload.writeAll()
    const sealed = await upload.seal(1)
    const struck = faulty.inject(
      { method: 'GET', headers: ['range'] },
      { kind: 'cut answer', afterBytes: 3_000_000, by },
      2,
    )
    expect((await upload.contents(sealed)).equals(upload.bytes)).toBe(true)
    expect(struck.hits).toBe(2)
  })

  it.each<[string, Fault]>([
    ['does not come for 10 s', { kind: 'stall', forMs: 10_000, before: 'answer' }],
    ['has an error inside a 200, and is done', failure(200, 'InternalError', { reached: true })],
    ['has an error inside a 200, and is not done', failure(200, 'InternalError')],
    ['is a 500, and is done', failure(500, 'InternalError', { reached: true })],
    ['breaks off, and is done', { kind: 'cut answer', afterBytes: 20, by: 'reset' }],
    ['ends too early, and is done', { kind: 'cut answer', afterBytes: 20, by: 'end' }],
  ])('makes one object when the answer to a completion %s', async (_how, fault) => {
    const scene = await openScene()
    const upload = await SampleUpload.begin(scene.storage, twoChunks)
    await upload.writeAll()
    const struck = scene.faulty.inject(completion, fault, 1)
    await expectOneObject(scene, upload)
    expect(struck.hits).toBe(1)
  })

  it('stores an output whose parts were refused, reset and answered by half', async () => {
    const { place, faulty, storage } = await openScene()
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
    const { faulty, storage } = await openScene()
    const upload = await SampleUpload.begin(storage, twoChunks)
    faulty.inject(part, slowDown)
    const chunk = bodyOf(upload.bytes.subarray(0, sampleChunkBytes))
    const writing = storage.writeChunk(upload.sink, upload.slot(0), chunk, { onPiece: () => undefined, signal: never })
    await expect(writing).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
  })
})
