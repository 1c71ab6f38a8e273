import { beforeAll, beforeEach, expect, it } from 'vitest'
import type { Storage } from '../../src/storage/contract.ts'
import { type Fault, type FaultyStore, failure, slowDown, startFaultyStore } from '../support/faulty-store.ts'
import { SampleUpload, threeChunks } from '../support/sample-upload.ts'
import { s3StorageAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place, type S3Place } from '../support/s3-store.ts'

const completion = { method: 'POST', query: ['uploadId'] }
const sendingPart = { method: 'PUT', query: ['partNumber'] }

describeWithS3('an S3 pool behind a network that breaks', { timeout: 90_000 }, () => {
  let place: S3Place
  let faulty: FaultyStore
  let storage: Storage
  beforeAll(async () => {
    place = await openS3Place()
    faulty = await startFaultyStore(place.endpoint)
    storage = s3StorageAt({ ...place, endpoint: faulty.endpoint }).storage
  })
  beforeEach(() => place.clear())

  /** Has an upload finished, and expects that it is whole and that the bucket holds it once and nothing else. */
  async function expectOneObject(upload: SampleUpload): Promise<void> {
    const sealed = await upload.seal(1)
    expect(sealed.missing).toEqual([])
    expect((await upload.contents(sealed)).equals(upload.bytes)).toBe(true)
    const { key } = await sealed.publish()
    await storage.removeSink(upload.sink, { id: upload.taskId, epoch: 1 }, key)
    expect(await place.listKeys()).toEqual([place.prefix + key])
    expect(await place.listUploads()).toEqual([])
  }

  it('asks again when the store wants to be spared, whatever it is asked for', async () => {
    const matches = [{ method: 'POST', query: ['uploads'] }, { method: 'GET', query: ['uploadId'] }, completion]
    const struck = [...matches, sendingPart].map((match) => faulty.inject(match, slowDown, 2))
    const upload = await SampleUpload.begin(storage, threeChunks)
    await upload.writeAll()
    await expectOneObject(upload)
    expect(struck.map(({ hits }) => hits)).toEqual([2, 2, 2, 2])
  })

  it('says of a part whose connection breaks that it is to be sent again, and takes it then', async () => {
    const upload = await SampleUpload.begin(storage, threeChunks)
    faulty.inject(sendingPart, { kind: 'reset request', afterBytes: 1_000_000 }, 1)
    await expect(upload.write(0)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE', status: 503 })
    await upload.writeAll()
    await expectOneObject(upload)
  })

  it.each<[string, Fault]>([
    ['is reset', { kind: 'cut answer', afterBytes: 3_000_000, by: 'reset' }],
    ['ends too early', { kind: 'cut answer', afterBytes: 3_000_000, by: 'end' }],
  ])('goes on where it was when an answer %s', async (_how, fault) => {
    const upload = await SampleUpload.begin(storage, threeChunks)
    await upload.writeAll()
    const sealed = await upload.seal(1)
    const struck = faulty.inject({ method: 'GET', headers: ['range'] }, fault, 2)
    expect((await upload.contents(sealed)).equals(upload.bytes)).toBe(true)
    expect(struck.hits).toBe(2)
  })

  it.each<[string, Fault]>([
    ['has an error inside a 200, and is done', failure(200, 'InternalError', { reached: true })],
    ['has an error inside a 200, and is not done', failure(200, 'InternalError')],
    ['is a 500, and is done', failure(500, 'InternalError', { reached: true })],
    ['breaks off, and is done', { kind: 'cut answer', afterBytes: 20, by: 'reset' }],
    ['does not come for 10 s', { kind: 'stall', forMs: 10_000, before: 'answer' }],
  ])('makes one object when the answer to a completion %s', async (_how, fault) => {
    const upload = await SampleUpload.begin(storage, threeChunks)
    await upload.writeAll()
    const struck = faulty.inject(completion, fault, 1)
    await expectOneObject(upload)
    expect(struck.hits).toBe(1)
  })
})
