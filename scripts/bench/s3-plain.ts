import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import type { ObjectStore } from '../stack/object-store.ts'
import type { Payload } from './payload.ts'

/** What an app would do with the SDK alone, in the same store. */
export type PlainS3 = {
  bucket: string
  /** Uploads a made-up file, or one on disk, with lib-storage; `atOnce` parts in flight. */
  upload: (key: string, source: Payload | string, how: { partBytes: number; atOnce: number }) => Promise<void>
  /** Fetches an object and drops it. */
  download: (key: string) => Promise<void>
  /** Removes every object of the bucket. */
  empty: () => Promise<void>
  close: () => void
}

/** Opens a client of a store, on a new bucket. */
export async function openPlainS3(store: ObjectStore, bucket: string): Promise<PlainS3> {
  const { endpoint, region, forcePathStyle, accessKeyId, secretAccessKey } = store
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle,
    credentials: { accessKeyId, secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  return {
    bucket,
    upload: async (key, source, { partBytes, atOnce }) => {
      const body = typeof source === 'string' ? createReadStream(source) : Readable.from(piecesOf(source))
      const params = { Bucket: bucket, Key: key, Body: body }
      await new Upload({ client, params, partSize: partBytes, queueSize: atOnce }).done()
    },
    download: async (key) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }))
      if (!(Body instanceof Readable)) throw new Error(`${key} has no body`)
      await finished(Body.resume())
    },
    empty: async () => {
      for await (const page of paginateListObjectsV2({ client }, { Bucket: bucket })) {
        for (const { Key } of page.Contents ?? []) await client.send(new DeleteObjectCommand({ Bucket: bucket, Key }))
      }
    },
    close: () => client.destroy(),
  }
}

/** The buffers of a made-up file, in order. */
export function* piecesOf(payload: Payload): Generator<Buffer> {
  for (let index = 0; index < payload.pieces; index++) yield* payload.piece(index)
}
