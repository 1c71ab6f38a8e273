import { AppError } from '../errors.ts'
import type { ByteRange, ObjectName, SealedSink, SinkKey } from './contract.ts'
import { objectKeyOf } from './object-key.ts'
import { completeMultipart } from './s3-complete.ts'
import { copyParts, type CopyPart } from './s3-copy.ts'
import { headObject } from './s3-head.ts'
import { parseSinkKey, type S3Sink, sinkKeyOf } from './s3-layout.ts'
import { beginMultipart, listParts, type Part } from './s3-multipart.ts'
import { putObject } from './s3-part.ts'
import type { S3Pool } from './s3-pool.ts'
import { piecesUntil, readObject } from './s3-reader.ts'

/**
 * Completes an upload's multipart upload, unless that was done before. The object it becomes never changes again, so late
 * writers and other claims cannot do anything to what is read here, and every claim may publish it.
 */
export async function sealSink(
  pool: S3Pool,
  sinkKey: SinkKey,
  name: ObjectName,
  { signal }: { signal: AbortSignal },
): Promise<SealedSink> {
  signal.throwIfAborted()
  const sink = parseSinkKey(sinkKey)
  const missing = sink.uploadId === '' ? await putNothing(pool, sink, signal) : await complete(pool, sink, signal)
  return new S3SealedSink(pool, sink, name, missing, signal)
}

async function putNothing(pool: S3Pool, sink: S3Sink, signal: AbortSignal): Promise<number[]> {
  await putObject(pool, pool.layout.of(sink), Buffer.alloc(0), signal)
  return []
}

/** Answers the chunks without which it cannot be completed. */
async function complete(pool: S3Pool, sink: S3Sink, signal: AbortSignal): Promise<number[]> {
  const key = pool.layout.of(sink)
  const multipart = { key, uploadId: sink.uploadId }
  for (;;) {
    const listed = await listParts(pool, multipart, signal)
    const missing = listed
      ? chunksOf(sink).filter((slot) => listed.get(slot.partNumber)?.sizeBytes !== slot.range.lengthBytes)
      : []
    // A store that died while completing may have the object and only a part of the parts.
    if (listed === undefined || missing.length > 0) {
      if ((await headObject(pool, key))?.sizeBytes === sink.sizeBytes) return []
      if (listed === undefined) throw lostUpload()
      return missing.map(({ partNumber }) => partNumber - 1)
    }
    const parts: Part[] = [...listed.values()]
    const outcome = await completeMultipart(pool, multipart, parts, signal)
    if (outcome === 'done') return []
    if (outcome === 'gone') throw lostUpload()
  }
}

function chunksOf({ sizeBytes, chunkSizeBytes }: S3Sink): CopyPart[] {
  return Array.from({ length: Math.ceil(sizeBytes / chunkSizeBytes) }, (_, index) => {
    const startBytes = index * chunkSizeBytes
    return {
      partNumber: index + 1,
      range: { startBytes, lengthBytes: Math.min(chunkSizeBytes, sizeBytes - startBytes) },
    }
  })
}

class S3SealedSink implements SealedSink {
  readonly missing: readonly number[]
  readonly #pool: S3Pool
  readonly #sink: S3Sink
  readonly #name: ObjectName
  readonly #signal: AbortSignal

  constructor(pool: S3Pool, sink: S3Sink, name: ObjectName, missing: readonly number[], signal: AbortSignal) {
    this.#pool = pool
    this.#sink = sink
    this.#name = name
    this.missing = missing
    this.#signal = signal
  }

  async *read(range: ByteRange, signal: AbortSignal): AsyncGenerator<Buffer> {
    const stream = await readObject(this.#pool, this.#pool.layout.of(this.#sink), range)
    if (stream === undefined) throw lostUpload()
    yield* piecesUntil(stream, signal)
  }

  async publish(): Promise<{ key: string }> {
    return { key: objectKeyOf(this.#sink) }
  }

  /** A new multipart upload takes the sound chunks inside the store. One that was never completed goes on as it is. */
  async reopen(damaged: readonly number[]): Promise<SinkKey> {
    const pool = this.#pool
    if (this.missing.length > 0) return sinkKeyOf(this.#sink)
    const source = { bucket: pool.bucket, key: pool.layout.of(this.#sink) }
    const multipart = await beginMultipart(pool, pool.layout.of(this.#name))
    const sound = chunksOf(this.#sink).filter(({ partNumber }) => !damaged.includes(partNumber - 1))
    if ((await copyParts(pool, multipart, source, sound, this.#signal)) === undefined) throw lostUpload()
    return sinkKeyOf({ ...this.#sink, ...this.#name, uploadId: multipart.uploadId })
  }
}

function lostUpload(): AppError {
  return new AppError('UPLOAD_FAILED', 'The bytes of this upload are no longer there.')
}
