import { createHash } from 'node:crypto'
import { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import type { Multipart, Part } from './s3-multipart.ts'
import type { S3Pool } from './s3-pool.ts'
import { patientMs, retrying, until } from './s3-retry.ts'

/** Stores bytes as a part; again if need be. The store compares them with their MD5. */
export async function putPart(
  pool: S3Pool,
  { key, uploadId }: Multipart,
  { partNumber, bytes }: { partNumber: number; bytes: Buffer },
  signal: AbortSignal,
): Promise<Part> {
  const input = { Bucket: pool.bucket, Key: key, UploadId: uploadId, PartNumber: partNumber, ...bodyOf(bytes) }
  const put = () => pool.client.send(new UploadPartCommand(input), until(signal))
  const { ETag: etag = '' } = await retrying(put, { patienceMs: patientMs, signal })
  return { partNumber, etag, sizeBytes: bytes.length }
}

/** Stores bytes as an object under a full key; again if need be. */
export async function putObject(pool: S3Pool, key: string, bytes: Buffer, signal?: AbortSignal): Promise<void> {
  const input = { Bucket: pool.bucket, Key: key, ...pool.kind, ...bodyOf(bytes) }
  const put = () => pool.client.send(new PutObjectCommand(input), until(signal))
  await retrying(put, { patienceMs: patientMs, signal })
}

function bodyOf(bytes: Buffer) {
  return { Body: bytes, ContentLength: bytes.length, ContentMD5: createHash('md5').update(bytes).digest('base64') }
}
