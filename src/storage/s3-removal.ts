import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import type { ObjectName, SinkKey, Unfinished } from './contract.ts'
import { settleMultipart } from './s3-complete.ts'
import { unlessGone } from './s3-failure.ts'
import { headObject } from './s3-head.ts'
import { parseSinkKey } from './s3-layout.ts'
import { listPages } from './s3-listing.ts'
import { abortMultipart, listMultiparts, type Multipart } from './s3-multipart.ts'
import type { S3Pool } from './s3-pool.ts'
import { probeIdOf } from './s3-probe.ts'
import { briefMs, retrying } from './s3-retry.ts'

/** Removes an object by its full key. One that is not there is fine. */
export async function removeKey(pool: S3Pool, key: string): Promise<void> {
  const remove = () => unlessGone(() => pool.client.send(new DeleteObjectCommand({ Bucket: pool.bucket, Key: key })))
  await retrying(remove, { patienceMs: briefMs })
}

/**
 * Removes all that was made for an upload but the object at `keepKey`: also multipart uploads and objects of which the
 * ledger never learned. They all have the task's id in their keys.
 */
export async function removeSink(
  pool: S3Pool,
  sinkKey: SinkKey,
  last: ObjectName,
  keepKey: string | undefined,
): Promise<void> {
  const sink = parseSinkKey(sinkKey)
  const stem = pool.layout.stem(last.id)
  const kept = keepKey === undefined ? undefined : pool.layout.object(keepKey)
  for await (const multipart of listMultiparts(pool, stem)) {
    if (multipart.key === kept) await settleMultipart(pool, multipart)
    else await abortMultipart(pool, multipart)
  }
  // A store whose lists lag behind may not name what was made last.
  const keys = new Set([pool.layout.of(sink)])
  for await (const page of listPages(pool, stem)) for (const { key } of page) keys.add(key)
  for (const key of keys) if (key !== kept) await removeKey(pool, key)
}

/** Removes what there is of an output, as a multipart upload or as an object. */
export async function discardObject(pool: S3Pool, name: ObjectName): Promise<void> {
  const key = pool.layout.of(name)
  for await (const multipart of listMultiparts(pool, key)) {
    if (multipart.key === key) await abortMultipart(pool, multipart)
  }
  await removeKey(pool, key)
}

/** The multipart uploads under the pool's prefix. Discarding one never harms an object that was made of it. */
export async function* listUnfinished(pool: S3Pool): AsyncGenerator<Unfinished> {
  for await (const { beganAt, ...multipart } of listMultiparts(pool, pool.layout.prefix)) {
    const id = pool.layout.idOf(multipart.key) ?? probeIdOf(pool, multipart.key)
    if (id !== undefined) yield { id, beganAt, discard: () => discardMultipart(pool, multipart) }
  }
}

async function discardMultipart(pool: S3Pool, multipart: Multipart): Promise<void> {
  if (await headObject(pool, multipart.key)) await settleMultipart(pool, multipart)
  else await abortMultipart(pool, multipart)
}
