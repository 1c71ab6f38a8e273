import { CompleteMultipartUploadCommand } from '@aws-sdk/client-s3'
import { isAbsent, isOutage, isPartChanged, isTransient, s3Failure, unlessGone } from './s3-failure.ts'
import { headObject } from './s3-head.ts'
import { listParts, type Multipart, type Part } from './s3-multipart.ts'
import type { S3Pool } from './s3-pool.ts'
import { briefMs, pause, pauseMs, retrying, until } from './s3-retry.ts'

/** `changed`: the store has other parts than those named. `gone`: it has neither the upload nor its object. */
export type Completion = 'done' | 'changed' | 'gone'

/** A gateway that dies within a completion leaves a lock behind, which Ceph honours for 600 s. */
const unclearForMs = 15 * 60_000

/**
 * Makes an object of a multipart upload. An answer that leaves open whether it was done is never taken for either: the
 * store is asked for the object and for the upload, and told to complete again, for up to a quarter of an hour. Several
 * may do this at once and again; the object is made once. Fails with the signal's reason or a storage failure.
 */
export async function completeMultipart(
  pool: S3Pool,
  multipart: Multipart,
  parts: readonly Part[],
  signal: AbortSignal,
): Promise<Completion> {
  const deadlineMs = performance.now() + unclearForMs
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      await requestCompletion(pool, multipart, parts, signal)
      return 'done'
    } catch (error) {
      signal.throwIfAborted()
      const known = await whatBecame(pool, multipart, { parts, error, signal })
      if (known) return known
      const delayMs = pauseMs(attempt)
      if (performance.now() + delayMs > deadlineMs) throw s3Failure(error)
      await pause(delayMs, signal)
    }
  }
}

async function requestCompletion(
  pool: S3Pool,
  { key, uploadId }: Multipart,
  parts: readonly Part[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const inOrder = [...parts].sort((a, b) => a.partNumber - b.partNumber)
  const command = new CompleteMultipartUploadCommand({
    Bucket: pool.bucket,
    Key: key,
    UploadId: uploadId,
    MultipartUpload: { Parts: inOrder.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag })) },
  })
  await pool.patient.send(command, until(signal))
}

type Doubt = { parts: readonly Part[]; error: unknown; signal: AbortSignal }

/** Undefined: it is not known, and has to be tried again. */
async function whatBecame(
  pool: S3Pool,
  multipart: Multipart,
  { parts, error, signal }: Doubt,
): Promise<Completion | undefined> {
  if (!isTransient(error) && !isAbsent(error) && !isPartChanged(error)) throw s3Failure(error)
  try {
    if (await isMade(pool, multipart.key, parts)) return 'done'
    if (isPartChanged(error)) return 'changed'
    // Ceph also answers 500 for an upload that was aborted, so that the error alone says nothing.
    if ((await listParts(pool, multipart, signal)) !== undefined) return undefined
    // Somebody else may have completed it between the two questions.
    return (await isMade(pool, multipart.key, parts)) ? 'done' : 'gone'
  } catch (doubt) {
    signal.throwIfAborted()
    if (isOutage(doubt)) return undefined
    throw doubt
  }
}

/** The object is there and can be the one that these parts make: a store may give it an ETag of any form, or none. */
async function isMade(pool: S3Pool, key: string, parts: readonly Part[]): Promise<boolean> {
  const head = await headObject(pool, key)
  if (head === undefined) return false
  const [, partsCount] = /-(\d+)"?$/.exec(head.etag) ?? []
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0)
  return head.sizeBytes === sizeBytes && (partsCount === undefined || Number(partsCount) === parts.length)
}

/**
 * Tells the store once more to complete an upload whose object is already there: one that died in the middle of it knows
 * both, and its upload must not be aborted. Fails with STORAGE_UNAVAILABLE while the store is not able to.
 */
export async function settleMultipart(pool: S3Pool, multipart: Multipart): Promise<void> {
  const parts = await listParts(pool, multipart)
  if (parts === undefined) return
  const complete = () => unlessGone(() => requestCompletion(pool, multipart, [...parts.values()], undefined))
  await retrying(complete, { patienceMs: briefMs })
}
