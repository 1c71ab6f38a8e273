import { CopyObjectCommand, UploadPartCopyCommand } from '@aws-sdk/client-s3'
import { AppError } from '../errors.ts'
import type { ByteRange, ObjectName, ObjectSource } from './contract.ts'
import { PoolFault } from './failure.ts'
import { completeMultipart } from './s3-complete.ts'
import { isRefused, s3Failure, unlessGone } from './s3-failure.ts'
import { headObject } from './s3-head.ts'
import { abortMultipart, beginMultipart, type Multipart, type Part } from './s3-multipart.ts'
import type { S3Pool } from './s3-pool.ts'
import { patientMs, retrying, until } from './s3-retry.ts'
import { objectKeyOf } from './object-key.ts'

export type CopyLimits = {
  /** What S3 copies in one request. */
  wholeBytes: number
  /** The parts of what is larger. There are at most 10,000. */
  partBytes: number
}

const gibibyte = 1024 ** 3
const s3Limits: CopyLimits = { wholeBytes: 5 * gibibyte, partBytes: gibibyte }
const copiesAtOnce = 4

/** An object as a store's own copying names it. */
export type CopySource = { bucket: string; key: string }

export type CopyPart = { partNumber: number; range: ByteRange }

/**
 * Copies an object within the store. Undefined when the source is in another store or not there, or when the store does not
 * let these credentials read it: then it has to be read and written.
 */
export async function copyObject(
  pool: S3Pool,
  name: ObjectName,
  source: ObjectSource,
  signal: AbortSignal,
  limits: CopyLimits = s3Limits,
): Promise<{ key: string } | undefined> {
  if (source.kind !== 's3' || source.store !== pool.store) return undefined
  const key = pool.layout.of(name)
  const copied =
    source.sizeBytes <= limits.wholeBytes
      ? await copyWhole(pool, key, source, signal)
      : await copyInParts(pool, key, { ...source, partBytes: limits.partBytes }, signal)
  if (!copied) return undefined
  const head = await headObject(pool, key)
  if (head?.sizeBytes !== source.sizeBytes) {
    throw s3Failure(
      new PoolFault('FAILED', `The store made a copy of ${head?.sizeBytes} bytes of ${source.sizeBytes}.`),
    )
  }
  return { key: objectKeyOf(name) }
}

async function copyWhole(pool: S3Pool, key: string, source: CopySource, signal: AbortSignal): Promise<boolean> {
  const input = { Bucket: pool.bucket, Key: key, CopySource: addressOf(source), ...pool.kind }
  const copy = () => orNoWay(() => pool.patient.send(new CopyObjectCommand(input), until(signal)))
  return (await retrying(copy, { patienceMs: patientMs, signal })) !== undefined
}

async function copyInParts(
  pool: S3Pool,
  key: string,
  { sizeBytes, partBytes, ...source }: CopySource & { sizeBytes: number; partBytes: number },
  signal: AbortSignal,
): Promise<boolean> {
  const multipart = await beginMultipart(pool, key, { signal })
  const count = Math.ceil(sizeBytes / partBytes)
  const ranges = Array.from({ length: count }, (_, index): CopyPart => {
    const startBytes = index * partBytes
    const lengthBytes = Math.min(partBytes, sizeBytes - startBytes)
    return { partNumber: index + 1, range: { startBytes, lengthBytes } }
  })
  const parts = await copyParts(pool, multipart, source, ranges, signal)
  if (parts === undefined) {
    await abortMultipart(pool, multipart)
    return false
  }
  if ((await completeMultipart(pool, multipart, parts, signal)) === 'done') return true
  throw new AppError('STORAGE_UNAVAILABLE', 'A copy was removed while it was being made.')
}

/** Copies ranges of an object into parts, several at once. Undefined when the source is not there or may not be read. */
export async function copyParts(
  pool: S3Pool,
  { key, uploadId }: Multipart,
  source: CopySource,
  wanted: readonly CopyPart[],
  signal: AbortSignal,
): Promise<Part[] | undefined> {
  const waiting = [...wanted]
  const made: Part[] = []
  let isImpossible = false
  const copyNext = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !isImpossible; next = waiting.shift()) {
      const { partNumber, range } = next
      const input = {
        Bucket: pool.bucket,
        Key: key,
        UploadId: uploadId,
        PartNumber: partNumber,
        CopySource: addressOf(source),
        CopySourceRange: `bytes=${range.startBytes}-${range.startBytes + range.lengthBytes - 1}`,
      }
      const copy = () => orNoWay(() => pool.patient.send(new UploadPartCopyCommand(input), until(signal)))
      const answer = await retrying(copy, { patienceMs: patientMs, signal })
      if (answer) made.push({ partNumber, etag: answer.CopyPartResult?.ETag ?? '', sizeBytes: range.lengthBytes })
      else isImpossible = true
    }
  }
  const workers = await Promise.allSettled(Array.from({ length: copiesAtOnce }, copyNext))
  const broken = workers.find((one) => one.status === 'rejected')
  if (broken) throw broken.reason
  return isImpossible ? undefined : made
}

/** Does `work`; answers undefined when the source is not there, may not be read, or nothing can be copied here. */
async function orNoWay<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await unlessGone(work)
  } catch (error) {
    if (isRefused(error)) return undefined
    throw error
  }
}

function addressOf({ bucket, key }: CopySource): string {
  return `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`
}
