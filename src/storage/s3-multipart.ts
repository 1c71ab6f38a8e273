import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandInput,
  ListPartsCommand,
} from '@aws-sdk/client-s3'
import { PoolFault } from './failure.ts'
import { s3Failure, unlessGone } from './s3-failure.ts'
import type { S3Pool } from './s3-pool.ts'
import { briefMs, patientMs, retrying, until } from './s3-retry.ts'

/** A multipart upload in the store, by the full key of the object that it becomes. */
export type Multipart = { key: string; uploadId: string }

export type Part = { partNumber: number; etag: string; sizeBytes: number }

export async function beginMultipart(
  pool: S3Pool,
  key: string,
  { patienceMs = briefMs, signal }: { patienceMs?: number; signal?: AbortSignal } = {},
): Promise<Multipart> {
  const input = { Bucket: pool.bucket, Key: key, ...pool.kind }
  const begin = () => pool.client.send(new CreateMultipartUploadCommand(input), until(signal))
  const { UploadId: uploadId } = await retrying(begin, { patienceMs, signal })
  if (uploadId === undefined) throw s3Failure(new PoolFault('FAILED', 'The store gave a multipart upload no id.'))
  return { key, uploadId }
}

/** The parts that the store has, by number; undefined when it does not know the upload (any more). */
export async function listParts(
  pool: S3Pool,
  { key, uploadId }: Multipart,
  signal?: AbortSignal,
): Promise<Map<number, Part> | undefined> {
  const parts = new Map<number, Part>()
  const about = { Bucket: pool.bucket, Key: key, UploadId: uploadId }
  for (let marker: string | undefined, isLast = false; !isLast; ) {
    const input = { ...about, PartNumberMarker: marker }
    const list = () => unlessGone(() => pool.client.send(new ListPartsCommand(input), until(signal)))
    const page = await retrying(list, { patienceMs: patientMs, signal })
    if (page === undefined) return undefined
    for (const { PartNumber: partNumber, ETag: etag, Size: sizeBytes = 0 } of page.Parts ?? []) {
      if (partNumber !== undefined && etag !== undefined) parts.set(partNumber, { partNumber, etag, sizeBytes })
    }
    marker = page.NextPartNumberMarker
    isLast = page.IsTruncated !== true || marker === undefined
  }
  return parts
}

export type ListedMultipart = Multipart & { beganAt: Date }

/** The multipart uploads under keys that begin so. */
export async function* listMultiparts(pool: S3Pool, stem: string): AsyncGenerator<ListedMultipart> {
  let after: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {}
  while (after) {
    const input: ListMultipartUploadsCommandInput = { Bucket: pool.bucket, Prefix: stem, ...after }
    const list = () => pool.client.send(new ListMultipartUploadsCommand(input))
    const page = await retrying(list, { patienceMs: briefMs })
    for (const { Key: key, UploadId: uploadId, Initiated: beganAt } of page.Uploads ?? []) {
      if (key !== undefined && uploadId !== undefined) yield { key, uploadId, beganAt: beganAt ?? new Date(0) }
    }
    const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page
    after = undefined
    if (IsTruncated === true && NextKeyMarker !== undefined) {
      after = {
        KeyMarker: NextKeyMarker,
        ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
      }
    }
  }
}

/**
 * Removes a multipart upload and its parts. One that is not there is fine. Never to be done to one that may have become an
 * object that is to stay: a store that died while completing it may hold the same parts under both names.
 */
export async function abortMultipart(pool: S3Pool, { key, uploadId }: Multipart, patienceMs = briefMs): Promise<void> {
  const input = { Bucket: pool.bucket, Key: key, UploadId: uploadId }
  const abort = () => unlessGone(() => pool.client.send(new AbortMultipartUploadCommand(input)))
  await retrying(abort, { patienceMs })
}
