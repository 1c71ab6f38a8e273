import { ListPartsCommand, UploadPartCommand, type UploadPartCommandOutput } from '@aws-sdk/client-s3'
import type { Readable } from 'node:stream'
import { AppError } from '../errors.ts'
import type { ChunkSlot, ChunkTarget, SinkKey } from './contract.ts'
import { PoolFault } from './failure.ts'
import { isAbsent, isTransient, orChecksumsRefused, s3Failure } from './s3-failure.ts'
import { parseSinkKey, type S3Sink, sinkKeyOf } from './s3-layout.ts'
import { beginMultipart } from './s3-multipart.ts'
import { PartBody } from './s3-part-body.ts'
import type { S3Pool } from './s3-pool.ts'
import { briefMs, pause, pauseMs } from './s3-retry.ts'

/** Begins the multipart upload that collects an upload's chunks as its parts. An empty one has none. */
export async function createSink(
  pool: S3Pool,
  { taskId, sizeBytes, chunkSizeBytes }: { taskId: string; sizeBytes: number; chunkSizeBytes: number },
): Promise<SinkKey> {
  const name = { id: taskId, epoch: 0 }
  const uploadId = sizeBytes === 0 ? '' : (await beginMultipart(pool, pool.layout.of(name))).uploadId
  return sinkKeyOf({ ...name, sizeBytes, chunkSizeBytes, uploadId })
}

/**
 * Streams a chunk's body into its part. A store that is busy or away before the first byte was sent is asked again for some
 * seconds; after that only the sender has the bytes, who is told to send them again. Of a body that ends early nothing is kept.
 */
export async function writeChunk(
  pool: S3Pool,
  sinkKey: SinkKey,
  slot: ChunkSlot,
  body: Readable,
  target: ChunkTarget,
): Promise<void> {
  const sink = parseSinkKey(sinkKey)
  const part = new PartBody(slot, body, target, { withMd5: pool.comparesMd5 })
  try {
    await sendPart(pool, sink, slot, part)
  } finally {
    part.close()
  }
}

async function sendPart(pool: S3Pool, sink: S3Sink, slot: ChunkSlot, part: PartBody): Promise<void> {
  const deadlineMs = performance.now() + briefMs
  for (let attempt = 1; ; attempt++) {
    part.throwIfFailed()
    if (part.over.aborted) return
    try {
      await requestPart(pool, sink, slot, part)
      return
    } catch (error) {
      part.throwIfFailed()
      if (part.over.aborted) return
      if (isAbsent(error)) throw uploadEnded()
      const delayMs = pauseMs(attempt)
      if (part.canStartAgain && isTransient(error) && performance.now() + delayMs < deadlineMs) {
        await pause(delayMs, undefined)
      } else {
        // A store that refuses a part while it is on its way may close the connection before that can be read.
        if (await isGone(pool, sink)) throw uploadEnded()
        throw s3Failure(pool.comparesMd5 ? error : orChecksumsRefused(error))
      }
    }
  }
}

async function requestPart(pool: S3Pool, sink: S3Sink, slot: ChunkSlot, part: PartBody): Promise<void> {
  const given = new AbortController()
  const command = new UploadPartCommand({
    Bucket: pool.bucket,
    Key: pool.layout.of(sink),
    UploadId: sink.uploadId,
    PartNumber: slot.index + 1,
    ContentLength: slot.sizeBytes,
    Body: part.open(),
  })
  try {
    const abortSignal = AbortSignal.any([part.over, given.signal])
    const stored = await pool.client.send(command, { abortSignal })
    const md5 = storedMd5(stored)
    const sent = part.digest()
    if (md5 !== undefined && sent !== undefined && md5 !== sent) {
      throw new PoolFault('FAILED', `The store did not store what it was sent as chunk ${slot.index}.`)
    }
  } finally {
    // A request that was answered before its body had gone would wait for the rest for ever.
    given.abort()
  }
}

async function isGone(pool: S3Pool, sink: S3Sink): Promise<boolean> {
  const about = { Bucket: pool.bucket, Key: pool.layout.of(sink), UploadId: sink.uploadId, MaxParts: 1 }
  return pool.client.send(new ListPartsCommand(about)).then(() => false, isAbsent)
}

function uploadEnded(): AppError {
  return new AppError('UPLOAD_ENDED', 'This upload takes no more chunks.')
}

/** The MD5 of what was stored, where the ETag is one: it is not under a key of KMS. */
function storedMd5({ ETag = '', ServerSideEncryption }: UploadPartCommandOutput): string | undefined {
  const isMd5 = ServerSideEncryption === undefined || ServerSideEncryption === 'AES256'
  return isMd5 ? /^"?([0-9a-f]{32})"?$/.exec(ETag)?.[1] : undefined
}
