import { AppError } from '../errors.ts'
import type { ChunkSlot } from '../storage/contract.ts'
import type { Checksum } from './checksum.ts'
import { createDigestCheck, type DeclaredDigest } from './digest.ts'

export type ChunkMeter = {
  readonly receivedBytes: number
  /** Takes one piece into account. Throws CHUNK_TOO_LARGE as soon as the body is longer than the slot. */
  take: (piece: Buffer) => void
  /** Answers the body's checksum. Throws CHUNK_SIZE_MISMATCH or DIGEST_MISMATCH. */
  finish: () => Buffer
}

/** Counts and sums up a chunk's body as it streams by. */
export function createChunkMeter(
  { index, sizeBytes }: Pick<ChunkSlot, 'index' | 'sizeBytes'>,
  sum: Checksum,
  declared: readonly DeclaredDigest[],
): ChunkMeter {
  let received = 0
  const digests = createDigestCheck(declared)
  return {
    get receivedBytes() {
      return received
    },
    take: (piece) => {
      received += piece.length
      if (received > sizeBytes) throw chunkTooLarge(index, sizeBytes)
      sum.update(piece)
      digests.update(piece)
    },
    finish: () => {
      if (received < sizeBytes) {
        throw new AppError('CHUNK_SIZE_MISMATCH', `Chunk ${index} must have exactly ${sizeBytes} bytes.`, {
          details: { index, expectedSize: sizeBytes, receivedSize: received },
        })
      }
      digests.finish()
      return sum.digest()
    },
  }
}

export function chunkTooLarge(index: number, sizeBytes: number): AppError {
  return new AppError('CHUNK_TOO_LARGE', `Chunk ${index} must have exactly ${sizeBytes} bytes, not more.`, {
    details: { index, expectedSize: sizeBytes },
  })
}
