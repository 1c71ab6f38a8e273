import { HeadObjectCommand } from '@aws-sdk/client-s3'
import { unlessGone } from './s3-failure.ts'
import type { S3Pool } from './s3-pool.ts'
import { briefMs, retrying } from './s3-retry.ts'

/** What a store says of an object, by its full key; undefined when it is not there. */
export async function headObject(
  pool: S3Pool,
  key: string,
  patienceMs = briefMs,
): Promise<{ sizeBytes: number; etag: string } | undefined> {
  const ask = () => unlessGone(() => pool.client.send(new HeadObjectCommand({ Bucket: pool.bucket, Key: key })))
  const head = await retrying(ask, { patienceMs })
  return head && { sizeBytes: head.ContentLength ?? 0, etag: head.ETag ?? '' }
}
