import { randomUUID } from 'node:crypto'
import { headObject } from './s3-head.ts'
import { abortMultipart, beginMultipart } from './s3-multipart.ts'
import type { S3Pool } from './s3-pool.ts'

/** Somebody waits for the answer: one more try and no longer. */
const patienceMs = 500

/**
 * Asks for an object that is not there, which needs the right to list, and begins and aborts a multipart upload, which needs
 * the right to write. Leaves nothing, also in a bucket that keeps versions.
 */
export async function probe(pool: S3Pool): Promise<void> {
  const key = `${pool.layout.prefix}.probe-${randomUUID()}`
  const multipart = await beginMultipart(pool, key, patienceMs)
  await abortMultipart(pool, multipart, patienceMs)
  await headObject(pool, key, patienceMs)
}

/** The id of a probe that was interrupted, by its full key. */
export function probeIdOf({ layout }: S3Pool, key: string): string | undefined {
  const start = `${layout.prefix}.probe-`
  return key.startsWith(start) ? key.slice(start.length) : undefined
}
