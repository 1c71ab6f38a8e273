import { randomBytes } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3'
import { describe, inject } from 'vitest'
import type { ObjectStore } from '../../scripts/stack/object-store.ts'
import { atEndOfEachFile } from './end-of-file.ts'
import type { OfferedStore } from './s3-offer.ts'

/** Runs its tests where there is an S3 store. Where there is none the run says so loudly, and fails in CI. */
export const describeWithS3 = inject('s3StoreUrl') === undefined ? describe.skip : describe

/** Runs its tests where Ceph is installed, for those that break a store. Where it is not the run says so, and fails in CI. */
export const describeWithCeph = inject('hasCeph') ? describe : describe.skip

/** A place of a test's own in an S3 store: a bucket, or a prefix in one that must be shared. */
export type S3Place = ObjectStore & {
  bucket: string
  /** Empty, or ends with a slash. */
  prefix: string
  client: S3Client
  /** The keys of the objects below the prefix, ascending. */
  listKeys: () => Promise<string[]>
  /** The multipart uploads below the prefix that were neither completed nor aborted, by key. */
  listUploads: () => Promise<{ key: string; uploadId: string }[]>
  /** Removes every object and every unfinished upload. */
  clear: () => Promise<void>
}

/** The run's S3 store, shared by all test files. The first to ask for it starts it. */
export async function sharedS3Store(): Promise<OfferedStore> {
  const url = inject('s3StoreUrl')
  if (url === undefined) throw new Error('there is no S3 store: use describeWithS3')
  const response = await fetch(url)
  if (!response.ok) throw new Error(await response.text())
  return JSON.parse(await response.text())
}

const closings: (() => Promise<void>)[] = []

atEndOfEachFile(async () => {
  for (const close of closings.splice(0)) await close()
})

/**
 * An empty place in a store, the run's own unless another is given. In the run's it is removed at the end of the test file; a
 * store of one's own goes away whole.
 */
export async function openS3Place(store?: OfferedStore): Promise<S3Place> {
  const found = store ?? (await sharedS3Store())
  const name = `longshore-${randomBytes(8).toString('hex')}`
  const client = clientOf(found)
  if (found.bucket === undefined) await client.send(new CreateBucketCommand({ Bucket: name }))
  const place = placeIn(client, found, found.bucket ?? name, found.bucket === undefined ? '' : `${name}/`)
  closings.push(async () => {
    if (store === undefined) {
      await place.clear()
      if (found.bucket === undefined) await client.send(new DeleteBucketCommand({ Bucket: name }))
    }
    client.destroy()
  })
  return place
}

/** A plain client of a store. */
export function clientOf(store: ObjectStore, options: { maxAttempts?: number } = {}): S3Client {
  const { endpoint, region, forcePathStyle, accessKeyId, secretAccessKey } = store
  return new S3Client({
    endpoint,
    region,
    forcePathStyle,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...options,
  })
}

function placeIn(client: S3Client, store: ObjectStore, bucket: string, prefix: string): S3Place {
  const listKeys = async (): Promise<string[]> => {
    const keys: string[] = []
    for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix: prefix })) {
      keys.push(...(page.Contents ?? []).map(({ Key = '' }) => Key))
    }
    return keys.sort()
  }
  const listUploads = async (): Promise<{ key: string; uploadId: string }[]> => {
    const uploads: { key: string; uploadId: string }[] = []
    let page: Partial<ListMultipartUploadsCommandOutput> = {}
    do {
      const after = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker }
      page = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix, ...after }))
      uploads.push(...(page.Uploads ?? []).map(({ Key = '', UploadId = '' }) => ({ key: Key, uploadId: UploadId })))
    } while (page.IsTruncated)
    return uploads
  }
  const clear = async (): Promise<void> => {
    for (const { key, uploadId } of await listUploads()) {
      await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: key, UploadId: uploadId }))
    }
    for (const key of await listKeys()) await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }))
  }
  return { ...store, bucket, prefix, client, listKeys, listUploads, clear }
}
