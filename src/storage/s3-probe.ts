import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { UploadPartCommand } from '@aws-sdk/client-s3'
import { orChecksumsRefused } from './s3-failure.ts'
import { headObject } from './s3-head.ts'
import { abortMultipart, beginMultipart, type Multipart } from './s3-multipart.ts'
import type { S3Pool } from './s3-pool.ts'
import { retrying } from './s3-retry.ts'

/** Somebody waits for the answer: one more try and no longer. */
const patienceMs = 500

/**
 * Asks for an object that is not there, which needs the right to list, and begins and aborts a multipart upload, which needs
 * the right to write. Where checksums are sent, it streams a part, which stores refuse that do not know them. Leaves nothing, also
 * in a bucket that keeps versions.
 */
export async function probe(pool: S3Pool): Promise<void> {
  const key = `${pool.layout.prefix}.probe-${randomUUID()}`
  const multipart = await beginMultipart(pool, key, { patienceMs })
  try {
    if (!pool.comparesMd5) await streamPart(pool, multipart)
  } finally {
    await abortMultipart(pool, multipart, patienceMs)
  }
  await headObject(pool, key, patienceMs)
}

async function streamPart(pool: S3Pool, { key, uploadId }: Multipart): Promise<void> {
  const bytes = Buffer.from('probe')
  const about = { Bucket: pool.bucket, Key: key, UploadId: uploadId, PartNumber: 1, ContentLength: bytes.length }
  const send = async (): Promise<void> => {
    try {
      await pool.client.send(new UploadPartCommand({ ...about, Body: Readable.from([bytes]) }))
    } catch (error) {
      throw orChecksumsRefused(error)
    }
  }
  await retrying(send, { patienceMs })
}

/** The id of a probe that was interrupted, by its full key. */
export function probeIdOf({ layout }: S3Pool, key: string): string | undefined {
  const start = `${layout.prefix}.probe-`
  return key.startsWith(start) ? key.slice(start.length) : undefined
}
