import type { ObjectCheckpoint, ObjectName, ObjectWriter } from './contract.ts'
import { AppError } from '../errors.ts'
import { objectKeyOf } from './object-key.ts'
import { completeMultipart } from './s3-complete.ts'
import { beginMultipart, type Multipart, type Part } from './s3-multipart.ts'
import { putObject, putPart } from './s3-part.ts'
import type { S3Pool } from './s3-pool.ts'

const mebibyte = 1024 * 1024
const firstPartBytes = 8 * mebibyte
/** After so many parts they grow by the first one's size, so that the 10,000 that S3 takes hold 2 TiB. */
const growEvery = 200
/** Parts that are being stored while the next one fills up, as long as they are small. */
const mostInFlight = 3
const mostInFlightBytes = 64 * mebibyte

export function partBytesOf(partNumber: number): number {
  return firstPartBytes * (1 + Math.floor((partNumber - 1) / growEvery))
}

/** An object of unknown length: one request when it is small, else a multipart upload. */
export class S3ObjectWriter implements ObjectWriter {
  readonly #pool: S3Pool
  readonly #name: ObjectName
  readonly #closed = new AbortController()
  /** Fires when it is closed, or nobody wants it any more. */
  readonly #over: AbortSignal
  readonly #parts = new Map<number, Part>()
  readonly #inFlight = new Set<Promise<void>>()
  #multipart: Multipart | undefined
  #partNumber = 1
  #buffer: Buffer | undefined
  #filledBytes = 0
  #sizeBytes = 0
  /** The part that is being filled was stored as far as it was at a checkpoint. */
  #isPartStored = false
  #failure: { error: unknown } | undefined

  constructor(pool: S3Pool, name: ObjectName, givenUp?: AbortSignal) {
    this.#pool = pool
    this.#name = name
    const { signal } = this.#closed
    this.#over = givenUp ? AbortSignal.any([signal, givenUp]) : signal
  }

  /** Takes parts as its own that were copied from another object; they come before everything that is written. */
  begin(multipart: Multipart, parts: readonly Part[]): void {
    this.#multipart = multipart
    for (const part of parts) {
      this.#parts.set(part.partNumber, part)
      this.#sizeBytes += part.sizeBytes
    }
    this.#partNumber = parts.length + 1
  }

  async write(piece: Buffer): Promise<void> {
    for (let takenBytes = 0; takenBytes < piece.length; ) {
      if (this.#failure) throw this.#failure.error
      this.#over.throwIfAborted()
      const partBytes = partBytesOf(this.#partNumber)
      if (this.#filledBytes === partBytes) await this.#ship()
      this.#buffer ??= Buffer.allocUnsafeSlow(partBytesOf(this.#partNumber))
      const countBytes = piece.copy(this.#buffer, this.#filledBytes, takenBytes)
      this.#filledBytes += countBytes
      this.#sizeBytes += countBytes
      takenBytes += countBytes
    }
  }

  /**
   * Stores also the part that is not full, which is allowed of the last one only. It is stored again when it has grown,
   * before any other that follows, so that what the store has can be completed at any time.
   */
  async checkpoint(): Promise<ObjectCheckpoint> {
    const name = this.#name
    if (this.#sizeBytes === 0) return { name, sizeBytes: 0 }
    const { uploadId } = await this.#begun()
    await this.#idle()
    if (this.#filledBytes > 0) {
      await this.#store(this.#partNumber, this.#filled())
      this.#isPartStored = true
    }
    return { name, sizeBytes: this.#sizeBytes, state: uploadId }
  }

  async publish(): Promise<{ key: string }> {
    const signal = this.#over
    const key = objectKeyOf(this.#name)
    if (this.#multipart === undefined) {
      await putObject(this.#pool, this.#pool.layout.of(this.#name), this.#filled(), signal)
      return { key }
    }
    if (this.#filledBytes > 0) await this.#store(this.#partNumber, this.#filled())
    await this.#idle()
    const outcome = await completeMultipart(this.#pool, this.#multipart, [...this.#parts.values()], signal)
    if (outcome === 'done') return { key }
    throw new AppError('STORAGE_UNAVAILABLE', 'An output was removed while it was being written.')
  }

  async close(): Promise<void> {
    this.#closed.abort(new Error('The output is not written any more.'))
    await Promise.allSettled(this.#inFlight)
  }

  #filled(): Buffer {
    return this.#buffer?.subarray(0, this.#filledBytes) ?? Buffer.alloc(0)
  }

  async #begun(): Promise<Multipart> {
    this.#multipart ??= await beginMultipart(this.#pool, this.#pool.layout.of(this.#name), { signal: this.#over })
    return this.#multipart
  }

  /** Begins to store the full part and makes room for the next one. */
  async #ship(): Promise<void> {
    await this.#begun()
    const partNumber = this.#partNumber
    const bytes = this.#filled()
    const mayWait = Math.max(1, Math.min(mostInFlight, Math.floor(mostInFlightBytes / bytes.length)))
    while (this.#inFlight.size >= mayWait) await Promise.race(this.#inFlight)
    if (this.#failure) throw this.#failure.error
    const storing = this.#store(partNumber, bytes)
    if (this.#isPartStored) {
      await storing
    } else {
      const settled = storing.catch((error: unknown) => {
        this.#failure ??= { error }
      })
      this.#inFlight.add(settled)
      void settled.then(() => this.#inFlight.delete(settled))
    }
    this.#isPartStored = false
    this.#partNumber++
    this.#buffer = undefined
    this.#filledBytes = 0
  }

  async #store(partNumber: number, bytes: Buffer): Promise<void> {
    const multipart = await this.#begun()
    this.#parts.set(partNumber, await putPart(this.#pool, multipart, { partNumber, bytes }, this.#over))
  }

  async #idle(): Promise<void> {
    await Promise.all(this.#inFlight)
    if (this.#failure) throw this.#failure.error
  }
}
