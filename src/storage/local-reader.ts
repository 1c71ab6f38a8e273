import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { AppError } from '../errors.ts'
import type { ByteRange } from './contract.ts'
import { onMedium, storageFailure, unlessAbsent } from './failure.ts'

const pieceBytes = 1024 * 1024
/** With three, reading keeps up with SHA-256 also on a busy machine; with two it fell behind by up to a fifth. */
const bufferCount = 3

/**
 * The bytes of a range in pieces of 1 MiB, each valid until the next one is asked for. While the consumer works on a
 * piece the next two are being read. Ends early where the file ends. The file stays open.
 */
export async function* readAhead(handle: FileHandle, range: ByteRange, signal: AbortSignal): AsyncGenerator<Buffer> {
  const endBytes = range.startBytes + range.lengthBytes
  let requestedBytes = range.startBytes
  const coming: Promise<Filled>[] = []
  const request = (buffer: Buffer): void => {
    if (requestedBytes >= endBytes) return
    const filling = fill(handle, buffer, requestedBytes, endBytes)
    // It may fail before anybody waits for it; the failure is met when it is awaited.
    filling.catch(() => undefined)
    coming.push(filling)
    requestedBytes += buffer.length
  }
  for (let count = 0; count < bufferCount; count++) request(pieceBuffer(endBytes - requestedBytes))
  try {
    for (let next = coming.shift(); next !== undefined; next = coming.shift()) {
      const { buffer, countBytes } = await next
      signal.throwIfAborted()
      if (countBytes === 0) return
      yield buffer.subarray(0, countBytes)
      request(buffer)
    }
  } finally {
    // The buffers and the file must not be in use any more when the consumer has broken off.
    await Promise.allSettled(coming)
  }
}

/** A stream over an object's bytes, or undefined when there is no such file. Fails when the file is too short. */
export async function readObject(path: string, range: ByteRange): Promise<Readable | undefined> {
  const handle = await onMedium(() => unlessAbsent(() => open(path, 'r')))
  if (handle === undefined) return undefined
  const endBytes = range.startBytes + range.lengthBytes
  let positionBytes = range.startBytes
  const readNext = async (): Promise<Buffer | null> => {
    if (positionBytes >= endBytes) return null
    const buffer = pieceBuffer(endBytes - positionBytes)
    const { countBytes } = await fill(handle, buffer, positionBytes, endBytes)
    if (countBytes === 0) throw new AppError('STORAGE_UNAVAILABLE', 'The stored object is shorter than it should be.')
    positionBytes += countBytes
    return buffer.subarray(0, countBytes)
  }
  return new Readable({
    highWaterMark: pieceBytes,
    read() {
      readNext().then(
        (piece) => this.push(piece),
        (error: unknown) => this.destroy(asError(error)),
      )
    },
    destroy(failure, settle) {
      handle.close().then(
        () => settle(failure),
        (closeFailure: unknown) => settle(failure ?? asError(storageFailure(closeFailure))),
      )
    },
  })
}

function pieceBuffer(wantedBytes: number): Buffer {
  return Buffer.allocUnsafeSlow(Math.min(pieceBytes, wantedBytes))
}

type Filled = { buffer: Buffer; countBytes: number }

/** Reads until the buffer is full or there is no more. */
async function fill(handle: FileHandle, buffer: Buffer, positionBytes: number, endBytes: number): Promise<Filled> {
  const wantedBytes = Math.min(buffer.length, endBytes - positionBytes)
  let countBytes = 0
  while (countBytes < wantedBytes) {
    const restBytes = wantedBytes - countBytes
    const { bytesRead } = await onMedium(() => handle.read(buffer, countBytes, restBytes, positionBytes + countBytes))
    if (bytesRead === 0) break
    countBytes += bytesRead
  }
  return { buffer, countBytes }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('The object could not be read.', { cause: error })
}
