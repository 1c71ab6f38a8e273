import { randomBytes } from 'node:crypto'
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { beforeAll, expect, it } from 'vitest'
import { type FaultyStore, failure, slowDown, startFaultyStore } from '../support/faulty-store.ts'
import { clientOf, describeWithS3, openS3Place, type S3Place, sharedS3Store } from '../support/s3-store.ts'

const bytes = randomBytes(3_000_000)

describeWithS3('a faulty S3 store', () => {
  let place: S3Place
  let faulty: FaultyStore
  let client: S3Place['client']
  const at = () => ({ Bucket: place.bucket, Key: `${place.prefix}key` })
  const put = () => client.send(new PutObjectCommand({ ...at(), Body: bytes }))
  const get = async () => (await client.send(new GetObjectCommand(at()))).Body?.transformToByteArray()

  beforeAll(async () => {
    place = await openS3Place()
    const store = await sharedS3Store()
    faulty = await startFaultyStore(store.endpoint)
    client = clientOf({ ...store, endpoint: faulty.endpoint }, { maxAttempts: 1 })
    await put()
  })

  it('passes on what it is not told to strike, signatures and all', async () => {
    expect(Buffer.from((await get()) ?? []).equals(bytes)).toBe(true)
    expect(faulty.takeRequests().map((one) => one.split('?')[0])).toEqual([
      `PUT /${place.bucket}/${at().Key}`,
      `GET /${place.bucket}/${at().Key}`,
    ])
  })

  it('strikes as often as it was told to, and only what matches', async () => {
    const struck = faulty.inject({ method: 'PUT' }, slowDown, 2)
    await expect(put()).rejects.toMatchObject({ name: 'SlowDown', $metadata: { httpStatusCode: 503 } })
    await client.send(new HeadObjectCommand(at()))
    await expect(put()).rejects.toMatchObject({ name: 'SlowDown' })
    await put()
    expect(struck.hits).toBe(2)
  })

  it('resets a connection within the request, and within the answer', async () => {
    faulty.inject({ method: 'PUT' }, { kind: 'reset request', afterBytes: 1_000_000 }, 1)
    await expect(put()).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) })
    faulty.inject({ method: 'GET' }, { kind: 'cut answer', afterBytes: 1_000_000, by: 'reset' }, 1)
    await expect(get()).rejects.toMatchObject({ code: 'ECONNRESET' })
  })

  it('lets an answer end too early', async () => {
    faulty.inject({ method: 'GET' }, { kind: 'cut answer', afterBytes: 1_000_000, by: 'end' }, 1)
    await expect(get()).rejects.toThrow('aborted')
  })

  it('stalls', async () => {
    faulty.inject({ method: 'HEAD' }, { kind: 'stall', forMs: 700, before: 'answer' }, 1)
    const startMs = performance.now()
    await client.send(new HeadObjectCommand(at()))
    expect(performance.now() - startMs).toBeGreaterThan(650)
  })

  it('answers a completion with an error inside a 200, though the object is there', async () => {
    const target = { ...at(), Key: `${at().Key}-of-parts` }
    const { UploadId } = await client.send(new CreateMultipartUploadCommand(target))
    const { ETag } = await client.send(new UploadPartCommand({ ...target, UploadId, PartNumber: 1, Body: bytes }))
    faulty.inject({ method: 'POST', query: ['uploadId'] }, failure(200, 'InternalError', { reached: true }), 1)
    const completion = new CompleteMultipartUploadCommand({
      ...target,
      UploadId,
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
    })
    await expect(client.send(completion)).rejects.toMatchObject({ name: 'InternalError' })
    expect(await client.send(new HeadObjectCommand(target))).toMatchObject({ ContentLength: bytes.length })
  })
})
