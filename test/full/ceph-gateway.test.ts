import { existsSync } from 'node:fs'
import {
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type OwnCeph, startCephGateway } from '../../scripts/stack/ceph-gateway.ts'
import { describeWithCeph, describeWithS3, openS3Place, type S3Place } from '../support/s3-store.ts'

describeWithS3('the S3 store of the run', () => {
  it('gives each test file a place of its own, where objects and unfinished uploads are seen and cleared away', async () => {
    const [place, other] = [await openS3Place(), await openS3Place()]
    const key = `${place.prefix}a file`
    const at = { Bucket: place.bucket, Key: key }
    await place.client.send(new PutObjectCommand({ ...at, Body: 'bytes' }))
    await place.client.send(new CreateMultipartUploadCommand(at))
    expect(await place.listKeys()).toEqual([key])
    expect(await place.listUploads()).toEqual([{ key, uploadId: expect.any(String) }])
    expect([await other.listKeys(), await other.listUploads()]).toEqual([[], []])
    await place.clear()
    expect([await place.listKeys(), await place.listUploads()]).toEqual([[], []])
  })
})

describeWithCeph('a Ceph gateway of one’s own', () => {
  let ceph: OwnCeph
  let place: S3Place
  beforeAll(async () => {
    ceph = await startCephGateway()
    place = await openS3Place(ceph)
  })
  afterAll(() => ceph.stop())

  const put = (Key: string) =>
    place.client.send(new PutObjectCommand({ Bucket: place.bucket, Key, Body: `the bytes of ${Key}` }))
  const get = async (Key: string) => {
    const { Body } = await place.client.send(new GetObjectCommand({ Bucket: place.bucket, Key }))
    return Body?.transformToString()
  }

  it('keeps objects and parts when its gateway is killed', async () => {
    await put('kept')
    const at = { Bucket: place.bucket, Key: 'begun' }
    const { UploadId } = await place.client.send(new CreateMultipartUploadCommand(at))
    await place.client.send(new UploadPartCommand({ ...at, UploadId, PartNumber: 1, Body: 'a part' }))
    await ceph.kill9()
    await expect(fetch(ceph.endpoint)).rejects.toThrow('fetch failed')
    await ceph.start()
    expect(await get('kept')).toBe('the bytes of kept')
    const { Parts } = await place.client.send(new ListPartsCommand({ ...at, UploadId }))
    expect(Parts).toMatchObject([{ PartNumber: 1, Size: 6 }])
  })

  it('takes connections and answers nobody while it is frozen', async () => {
    ceph.freeze()
    const asked = fetch(ceph.endpoint, { signal: AbortSignal.timeout(500) })
    await expect(asked).rejects.toThrow('timeout')
    ceph.thaw()
    await put('after the thaw')
    expect(await get('after the thaw')).toBe('the bytes of after the thaw')
  })

  it('leaves no process and no file behind', async () => {
    const one = await startCephGateway()
    const folder = /longshore-ceph-\w+/.exec(await one.admin('--show-config-value', 'rgw_data'))?.[0] ?? ''
    expect(existsSync(`/tmp/${folder}`)).toBe(true)
    await one.stop()
    expect(existsSync(`/tmp/${folder}`)).toBe(false)
    await expect(fetch(one.endpoint)).rejects.toThrow('fetch failed')
  })
})
