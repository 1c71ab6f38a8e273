import { randomUUID } from 'node:crypto'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Storage } from '../../src/storage/contract.ts'
import { s3Settings } from '../../src/storage/s3-settings.ts'
import { openS3Storage } from '../../src/storage/s3.ts'
import { type Canned, type CannedStore, errorBody, startCannedStore } from '../support/canned-store.ts'
import { never, SampleUpload, sampleChunkBytes } from '../support/sample-upload.ts'

const credentials = { accessKeyId: 'S3_KEY', secretAccessKey: 'S3_SECRET' }

describe('an S3 store', () => {
  let store: CannedStore
  beforeAll(async () => {
    store = await startCannedStore()
  })
  beforeEach(() => store.reset())

  function open(more: Record<string, unknown>): Storage {
    const settings = { endpoint: store.endpoint, bucket: 'bucket', credentials, ...more }
    return openS3Storage(s3Settings.parse(settings), () => 'a value')
  }

  it('is told the storage class and the encryption of everything that is begun', async () => {
    const serverSideEncryption = 'aws:kms'
    const storage = open({
      storageClass: 'GLACIER_IR',
      serverSideEncryption,
      kmsKeyId: 'key-1',
      checksums: 'WHEN_REQUIRED',
    })
    const upload = await SampleUpload.begin(storage, sampleChunkBytes)
    await upload.write(0)
    const small = await storage.createObject({ id: randomUUID(), epoch: 1 })
    await small.write(Buffer.from('small'))
    await small.publish()
    const source = { ...storage.source((await small.publish()).key, 0), sizeBytes: 0 }
    await storage.copyObject({ id: randomUUID(), epoch: 2 }, source, never)
    const begun = store.asked.filter(({ what }) => ['begin', 'put', 'copy'].includes(what))
    expect(new Set(begun.map(({ what }) => what))).toEqual(new Set(['begin', 'put', 'copy']))
    for (const { headers } of begun) {
      expect(headers).toMatchObject({
        'x-amz-storage-class': 'GLACIER_IR',
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'key-1',
      })
    }
  })

  it('is told nothing of either where nothing is set', async () => {
    await SampleUpload.begin(open({}), sampleChunkBytes)
    const said = Object.keys(store.asked[0]?.headers ?? {})
    expect(said.filter((name) => /storage-class|encryption/.test(name))).toEqual([])
  })

  it.each<[string, Canned, string]>([
    [
      'says so',
      {
        status: 400,
        body: errorBody('AuthorizationHeaderMalformed', "the region 'us-east-1' is wrong; expecting 'eu-west-1'"),
      },
      'eu-west-1',
    ],
    [
      'sends us elsewhere',
      {
        status: 301,
        headers: { 'x-amz-bucket-region': 'eu-central-1' },
        body: errorBody('PermanentRedirect', 'The bucket must be addressed at another endpoint.'),
      },
      'eu-central-1',
    ],
  ])(
    'of another region is found by a probe when it %s, and the message names the region',
    async (_how, answer, region) => {
      store.refuse('begin', answer)
      const failure: unknown = await open({})
        .probe()
        .catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'STORAGE_UNAVAILABLE', cause: { problem: 'REGION_WRONG' } })
      expect(failure).toMatchObject({ cause: { message: expect.stringContaining(region) } })
    },
  )

  it.each<[string, Canned]>([
    ['411', { status: 411, body: errorBody('MissingContentLength', 'You must provide the Content-Length header.') }],
    ['501', { status: 501, body: errorBody('NotImplemented', 'A header you provided implies functionality.') }],
  ])('that refuses checksums by %s is named with the setting, by a probe and by a chunk', async (_status, answer) => {
    const storage = open({ checksums: 'WHEN_SUPPORTED' })
    const upload = await SampleUpload.begin(storage, sampleChunkBytes)
    store.refuse('part', answer)
    const named = {
      cause: { problem: 'CHECKSUMS_REFUSED', message: expect.stringContaining('"checksums": "WHEN_REQUIRED"') },
    }
    await expect(storage.probe()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE', ...named })
    await expect(upload.write(0)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE', ...named })
  })

  it('is asked for page after page of its objects', async () => {
    const listed = (key: string, more: string) =>
      `<ListBucketResult><Contents><Key>p/${key}</Key><Size>7</Size><LastModified>2026-01-02T03:04:05.000Z</LastModified></Contents>${more}</ListBucketResult>`
    const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>'
    store.refuse(
      'GET',
      { status: 200, body: listed('objects/a', more) },
      { status: 200, body: listed('objects/b', '') },
    )
    const pages = []
    for await (const page of open({ prefix: 'p/' }).listObjects()) pages.push(page)
    const object = { sizeBytes: 7, modifiedAt: new Date('2026-01-02T03:04:05Z') }
    expect(pages).toEqual([[{ key: 'objects/a', ...object }], [{ key: 'objects/b', ...object }]])
  })

  it('is sent no part by a probe where no checksums are sent', async () => {
    store.refuse('HEAD', { status: 404 })
    await open({ checksums: 'WHEN_REQUIRED' }).probe()
    expect(store.asked.map(({ what }) => what)).toEqual(['begin', 'DELETE', 'HEAD'])
  })
})
