import { ListObjectsV2Command, type ListObjectsV2CommandInput } from '@aws-sdk/client-s3'
import type { SinkKey, StoredObject } from './contract.ts'
import { parseSinkKey } from './s3-layout.ts'
import { listMultiparts, listParts } from './s3-multipart.ts'
import type { S3Pool } from './s3-pool.ts'
import { briefMs, retrying } from './s3-retry.ts'

/** What lies among the pool's objects, by their keys in the ledger. */
export async function* listObjects(pool: S3Pool): AsyncGenerator<StoredObject[]> {
  const { prefix } = pool.layout
  for await (const page of listPages(pool, `${prefix}objects/`)) {
    yield page.map((object) => ({ ...object, key: object.key.slice(prefix.length) }))
  }
}

/** Whether the store has a multipart upload for an unfinished upload, or an object that was made of one. */
export async function hasSink(pool: S3Pool, sinkKey: SinkKey): Promise<boolean> {
  const sink = parseSinkKey(sinkKey)
  // Of an empty file there is nothing before it is finished.
  if (sink.uploadId === '') return true
  if (await listParts(pool, { key: pool.layout.of(sink), uploadId: sink.uploadId })) return true
  const stem = pool.layout.stem(sink.id)
  return !(await isEmpty(listMultiparts(pool, stem))) || !(await isEmpty(listPages(pool, stem)))
}

/** Objects whose full keys begin so, by their full keys, a page of the store's at a time; no page is empty. */
export async function* listPages(pool: S3Pool, stem: string): AsyncGenerator<StoredObject[]> {
  for (let input: ListObjectsV2CommandInput | undefined = { Bucket: pool.bucket, Prefix: stem }; input; ) {
    const about: ListObjectsV2CommandInput = input
    const page = await retrying(() => pool.client.send(new ListObjectsV2Command(about)), { patienceMs: briefMs })
    const objects = (page.Contents ?? []).flatMap(({ Key: key, Size: sizeBytes = 0, LastModified: modifiedAt }) =>
      key === undefined ? [] : [{ key, sizeBytes, modifiedAt: modifiedAt ?? new Date(0) }],
    )
    if (objects.length > 0) yield objects
    const { NextContinuationToken: next } = page
    input = page.IsTruncated === true && next !== undefined ? { ...about, ContinuationToken: next } : undefined
  }
}

async function isEmpty(things: AsyncIterable<unknown>): Promise<boolean> {
  for await (const _ of things) return false
  return true
}
