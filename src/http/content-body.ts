import { randomBytes } from 'node:crypto'
import { addAbortSignal, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ServerResponse } from 'node:http'
import { AppError } from '../errors.ts'
import type { ByteRange } from '../storage/contract.ts'
import { contentRange } from './byte-range.ts'

/** A response body in order: bytes of ours, and ranges of the object. */
export type Segment = Buffer | ByteRange

/** Opens a range of the object; undefined when it is not there. */
export type ReadRange = (range: ByteRange) => Promise<Readable | undefined>

/** A `multipart/byteranges` body (RFC 9110 §14.6) of several ranges, and the content type that names its boundary. */
export function multipartBody(ranges: readonly ByteRange[], object: { contentType: string; sizeBytes: number }) {
  // 144 random bits: no object can be made to contain the boundary.
  const boundary = randomBytes(18).toString('hex')
  const segments = ranges.flatMap((range, index): Segment[] => {
    const lead = `${index === 0 ? '' : '\r\n'}--${boundary}\r\n`
    const fields = `Content-Type: ${object.contentType}\r\nContent-Range: ${contentRange(range, object.sizeBytes)}\r\n\r\n`
    return [Buffer.from(lead + fields, 'latin1'), range]
  })
  segments.push(Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1'))
  return { contentType: `multipart/byteranges; boundary=${boundary}`, segments }
}

export function bodyLengthBytes(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + (Buffer.isBuffer(segment) ? segment.length : segment.lengthBytes), 0)
}

/** Opens a range. Throws STORAGE_UNAVAILABLE when its object is not there; a failure of `read` is passed on. */
export async function openRange(read: ReadRange, range: ByteRange): Promise<Readable> {
  const source = await read(range)
  if (source === undefined) throw new AppError('STORAGE_UNAVAILABLE', 'The content of this file is not in its pool')
  // A stream that fails while it is being closed, when nobody reads it any more, must not end the process.
  return source.on('error', () => {})
}

/**
 * Sends a body and ends the response. `first` is the first range's stream, opened before the head went out; it is closed
 * in any case. Resolves as well when the client leaves early. When the object fails, or has not the bytes it should have,
 * the connection is cut, so that the client sees a body that is too short, and STORAGE_UNAVAILABLE is thrown.
 */
export async function sendSegments(
  response: ServerResponse,
  segments: readonly Segment[],
  first: Readable,
  read: ReadRange,
): Promise<void> {
  const left = new AbortController()
  response.once('close', () => left.abort())
  if (response.destroyed) left.abort()
  try {
    await pipeline(piecesOf(segments, first, read, left.signal), response)
  } catch (error) {
    if (error instanceof AppError) throw error
  } finally {
    first.destroy()
  }
}

async function* piecesOf(segments: readonly Segment[], first: Readable, read: ReadRange, signal: AbortSignal) {
  let opened: Readable | undefined = first
  for (const segment of segments) {
    if (Buffer.isBuffer(segment)) {
      yield segment
      continue
    }
    try {
      const source: Readable = opened ?? (await openRange(read, segment))
      opened = undefined
      // Without the signal a source that hangs would outlive a client that left.
      yield* exactly(segment.lengthBytes, addAbortSignal(signal, source))
    } catch (error) {
      if (signal.aborted || error instanceof AppError) throw error
      throw new AppError('STORAGE_UNAVAILABLE', 'The content of this file could not be read', { cause: error })
    }
  }
}

async function* exactly(lengthBytes: number, source: Readable): AsyncGenerator<Buffer> {
  const pieces: AsyncIterable<Buffer> = source
  let remainingBytes = lengthBytes
  for await (const piece of pieces) {
    remainingBytes -= piece.length
    if (remainingBytes < 0) break
    yield piece
  }
  if (remainingBytes !== 0) throw new AppError('STORAGE_UNAVAILABLE', 'The content of this file has another size')
}
