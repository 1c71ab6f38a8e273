import { randomBytes, randomUUID } from 'node:crypto'
import { HeadObjectCommand, type HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type OwnCeph, startCephGateway } from '../../scripts/stack/ceph-gateway.ts'
import type { Storage } from '../../src/storage/contract.ts'
import { never, SampleUpload, sampleChunkBytes } from '../support/sample-upload.ts'
import { s3StorageAt } from '../support/s3-pool.ts'
import { describeWithCeph, openS3Place, type S3Place } from '../support/s3-store.ts'
import { storageContract } from '../support/storage-contract.ts'

const keyId = 'key-of-a-test'

/** How a store says that it keeps an object. */
type Kept = Pick<HeadObjectCommandOutput, 'ServerSideEncryption' | 'SSEKMSKeyId' | 'StorageClass'>

// Ceph keeps the keys of its KMS in its settings when it is told that this is a test.
describeWithCeph('an S3 pool that asks its store for', () => {
  let ceph: OwnCeph
  let place: S3Place
  beforeAll(async () => {
    ceph = await startCephGateway({
      settings: {
        'rgw crypt s3 kms backend': 'testing',
        'rgw crypt s3 kms encryption keys': `${keyId}=${randomBytes(32).toString('base64')}`,
        'rgw crypt require ssl': 'false',
      },
    })
    const placement = ['--placement-id', 'default-placement', '--storage-class', 'COLD']
    await ceph.admin('zonegroup', 'placement', 'add', '--rgw-zonegroup', 'default', ...placement)
    await ceph.admin('zone', 'placement', 'add', '--rgw-zone', 'default', ...placement, '--data-pool', 'cold.data')
    // A gateway learns of a storage class as it starts.
    await ceph.kill9()
    await ceph.start()
    place = await openS3Place(ceph)
  })
  afterAll(() => ceph?.stop())

  /** Makes an object in each of the ways that there are, and answers how the store keeps them. */
  async function keptBy(storage: Storage): Promise<Kept[]> {
    const upload = await SampleUpload.begin(storage, 2 * sampleChunkBytes)
    await upload.writeAll()
    const sealed = await upload.seal(1)
    const uploaded = await sealed.publish()
    const [small, large] = [await storage.createObject(name()), await storage.createObject(name())]
    await small.write(Buffer.from('small'))
    for (let count = 0; count < 3; count++) await large.write(Buffer.alloc(6_000_000, 'large'))
    const made = [uploaded, await small.publish(), await large.publish()]
    const source = storage.source(uploaded.key, upload.bytes.length)
    // Ceph 16 does not copy what it encrypted; then it is read and written.
    const copy = await storage.copyObject(name(), source, never)
    const key = copy?.key ?? uploaded.key
    expect((await contents(storage, key, upload.bytes.length)).equals(upload.bytes)).toBe(true)
    const keys = [...made, ...(copy ? [copy] : [])].map((one) => place.prefix + one.key)
    return Promise.all(keys.map((Key) => place.client.send(new HeadObjectCommand({ Bucket: place.bucket, Key }))))
  }

  describe('encryption under a key of its KMS', () => {
    const settings = { serverSideEncryption: 'aws:kms', kmsKeyId: keyId }
    beforeEach(() => place.clear())

    it('gets it for whatever it makes, and reads it back', async () => {
      for (const kept of await keptBy(s3StorageAt(place, settings).storage)) {
        expect(kept).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: keyId })
      }
    })

    it('is told as it starts that there is no such key', async () => {
      const { storage } = s3StorageAt(place, { ...settings, kmsKeyId: 'no-such-key' })
      const writing = SampleUpload.begin(storage, sampleChunkBytes).then((upload) => upload.write(0))
      await expect(writing).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    })

    storageContract('an S3 pool', async () => s3StorageAt(place, settings))
  })

  it('a storage class gets it for whatever it makes', async () => {
    const kept = await keptBy(s3StorageAt(place, { storageClass: 'COLD' }).storage)
    expect(kept.map(({ StorageClass }) => StorageClass)).toEqual(['COLD', 'COLD', 'COLD', 'COLD'])
    await place.clear()
    const usual = await keptBy(s3StorageAt(place).storage)
    expect(usual.map(({ StorageClass }) => StorageClass)).toEqual([undefined, undefined, undefined, undefined])
  })
})

function name() {
  return { id: randomUUID(), epoch: 1 }
}

async function contents(storage: Storage, key: string, lengthBytes: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of (await storage.read(key, { startBytes: 0, lengthBytes })) ?? []) pieces.push(piece)
  return Buffer.concat(pieces)
}
