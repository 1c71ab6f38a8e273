import { createHash, randomUUID } from 'node:crypto'
import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Storage } from '../../src/storage/contract.ts'
import { s3Settings } from '../../src/storage/s3-settings.ts'
import { openS3Storage } from '../../src/storage/s3.ts'
import { type CannedStore, startCannedStore } from '../support/canned-store.ts'
import { startFaultyStore } from '../support/faulty-store.ts'
import { bodyOf, never, SampleUpload, sampleChunkBytes, threeChunks } from '../support/sample-upload.ts'
import { s3StorageAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place } from '../support/s3-store.ts'

const name = () => ({ id: randomUUID(), epoch: 1 })

/** Parts as a store lists them. */
const listed = (...parts: [number: number, sizeBytes: number][]): string =>
  `<ListPartsResult>${parts
    .map(
      ([number, size]) =>
        `<Part><PartNumber>${number}</PartNumber><ETag>"e${number}"</ETag><Size>${size}</Size></Part>`,
    )
    .join('')}</ListPartsResult>`

// What stores do that differ from one another, where a store at hand does not show it by itself (docs/storage.md).
describe('an S3 store of any kind', () => {
  let store: CannedStore
  beforeAll(async () => {
    store = await startCannedStore()
  })
  beforeEach(() => store.reset())

  const open = (more: Record<string, unknown> = {}): Storage => {
    const credentials = { accessKeyId: 'S3_KEY', secretAccessKey: 'S3_SECRET' }
    const settings = { endpoint: store.endpoint, bucket: 'bucket', credentials, ...more }
    return openS3Storage(s3Settings.parse(settings), () => 'a value')
  }
  const askedFor = (what: string) => store.asked.filter((one) => one.what === what)

  it('is sent a checksum behind pieces that are no smaller than it takes, and none where none is wanted', async () => {
    const upload = await SampleUpload.begin(open({ checksums: 'WHEN_SUPPORTED' }), sampleChunkBytes)
    await upload.write(0, bodyOf(upload.bytes, 999))
    const [part] = askedFor('part')
    expect(part?.headers).toMatchObject({ 'content-encoding': 'aws-chunked', 'x-amz-trailer': 'x-amz-checksum-crc32' })
    const sizes = chunkSizesOf(part?.body ?? Buffer.alloc(0))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(sampleChunkBytes)
    expect(Math.min(...sizes.slice(0, -1))).toBeGreaterThanOrEqual(8192)

    store.reset()
    const plain = await SampleUpload.begin(open({ checksums: 'WHEN_REQUIRED' }), sampleChunkBytes)
    store.refuse('part', { status: 200, headers: { etag: `"${md5(plain.bytes, 'hex')}"` } })
    await plain.write(0, bodyOf(plain.bytes, 999))
    const [bare] = askedFor('part')
    expect(bare?.body.equals(plain.bytes)).toBe(true)
    expect(Object.keys(bare?.headers ?? {}).filter((one) => /checksum|trailer|content-encoding/.test(one))).toEqual([])
  })

  it('verifies by MD5 what it is sent from memory, and is never told a digest that only some keep', async () => {
    const storage = open({ checksums: 'WHEN_REQUIRED' })
    const small = await storage.createObject(name())
    await small.write(Buffer.from('small'))
    await small.publish()
    const large = await storage.createObject(name())
    for (let count = 0; count < 3; count++) await large.write(Buffer.alloc(6_000_000, 'large'))
    await large.publish()
    const sent = [...askedFor('put'), ...askedFor('part')]
    expect(sent.length).toBeGreaterThanOrEqual(3)
    for (const { headers, body } of sent) {
      expect(headers['content-md5']).toBe(md5(body, 'base64'))
      expect(Object.keys(headers).filter((one) => /checksum|content-encoding/.test(one))).toEqual([])
    }
  })

  it('is told the parts in their order, whatever the order in which it lists them', async () => {
    const storage = open()
    const upload = await SampleUpload.begin(storage, threeChunks)
    const sizes = upload.slots.map(({ index, sizeBytes }): [number, number] => [index + 1, sizeBytes])
    store.refuse('GET', { status: 200, body: listed(...sizes.toReversed()) })
    store.refuse('HEAD', { status: 404 })
    await upload.seal(1)
    const [completion] = askedFor('complete')
    const told = [...(completion?.body.toString() ?? '').matchAll(/<PartNumber>(\d+)</g)].map(([, number]) => number)
    expect(told).toEqual(['1', '2', '3'])
  })

  it.each(['', '<ETag></ETag>', '<ETag>unquoted-3</ETag>', '<ETag>"quoted-3"</ETag>'])(
    'may give what it completed any ETag, or none: %j',
    async (etag) => {
      const storage = open()
      const upload = await SampleUpload.begin(storage, threeChunks)
      const sizes = upload.slots.map(({ index, sizeBytes }): [number, number] => [index + 1, sizeBytes])
      store.refuse('GET', { status: 200, body: listed(...sizes) })
      store.refuse('HEAD', { status: 404 })
      const body = `<CompleteMultipartUploadResult>${etag}</CompleteMultipartUploadResult>`
      store.refuse('complete', { status: 200, body })
      const { missing } = await upload.seal(1)
      expect(missing).toEqual([])
      expect(askedFor('complete')).toHaveLength(1)
    },
  )
})

describeWithS3('a real S3 store', () => {
  it('is asked for nothing that only some have, and no condition is taken for a lock', async () => {
    const place = await openS3Place()
    const faulty = await startFaultyStore(place.endpoint)
    const { storage } = s3StorageAt(place, { endpoint: faulty.endpoint })
    const conditional = faulty.inject({ headers: ['if-none-match'] }, { kind: 'reset request', afterBytes: 0 })
    const matching = faulty.inject({ headers: ['if-match'] }, { kind: 'reset request', afterBytes: 0 })
    const upload = await SampleUpload.begin(storage, threeChunks)
    await upload.writeAll()
    const { key } = await (await upload.seal(1)).publish()
    await storage.removeSink(upload.sink, { id: upload.taskId, epoch: 1 }, key)
    const head = await place.client.send(new HeadObjectCommand({ Bucket: place.bucket, Key: place.prefix + key }))
    expect(head.ContentEncoding).toBeUndefined()
    await storage.copyObject(name(), storage.source(key, threeChunks), never)
    for await (const _ of storage.listObjects()) continue
    for await (const _ of storage.listUnfinished()) continue
    await storage.remove(key)
    await storage.probe()
    const asked = faulty.takeRequests().map((request) => {
      const [method = '', path = ''] = request.split(' ')
      return { method, names: [...new URL(path, 'http://any').searchParams.keys()] }
    })
    // Lifecycle, CORS, tags, policies, attributes and the removal of many at once are not among it.
    const known = [
      'uploads',
      'uploadId',
      'partNumber',
      'list-type',
      'prefix',
      'max-parts',
      'part-number-marker',
      'x-id',
    ]
    expect(new Set(asked.flatMap(({ names }) => names.filter((one) => !known.includes(one))))).toEqual(new Set())
    expect([conditional.hits, matching.hits]).toEqual([0, 0])
  })
})

/** The sizes of the chunks of a body in the encoding aws-chunked. */
function chunkSizesOf(body: Buffer): number[] {
  const sizes: number[] = []
  for (let at = 0; ; ) {
    const end = body.indexOf('\r\n', at)
    const sizeBytes = Number.parseInt(body.subarray(at, end).toString(), 16)
    if (!(sizeBytes > 0)) return sizes
    sizes.push(sizeBytes)
    at = end + 2 + sizeBytes + 2
  }
}

function md5(bytes: Buffer, encoding: 'hex' | 'base64'): string {
  return createHash('md5').update(bytes).digest(encoding)
}
