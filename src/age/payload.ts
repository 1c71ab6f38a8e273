import { hkdfSync } from 'node:crypto'
import { AppError } from '../errors.ts'
import { ThreadMemory } from '../threads.ts'
import { type Batch, cutBatches, type Layout } from './batches.ts'
import type { Done, Fault, Task } from './chunks.ts'
import { chunkBytes, sealedChunkBytes, tagBytes } from './sizes.ts'
import type { Workforce } from './threads.ts'

/** 1 MiB: on this thread a batch holds the event loop up for about 0.8 ms. */
const batchChunks = 16
const layouts: Record<Task['kind'], Layout> = {
  seal: { slotBytes: chunkBytes, gapBytes: tagBytes, slots: batchChunks },
  open: { slotBytes: sealedChunkBytes * batchChunks, gapBytes: 0, slots: 1 },
}

/** The key of a payload with this nonce, as c2sp.org/age derives it (HKDF-SHA-256, RFC 5869). */
export function payloadKey(fileKey: Buffer, nonce: Buffer): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', fileKey, nonce, 'payload', 32))
}

export type Transformation = {
  kind: Task['kind']
  key: Uint8Array
  workforce: Workforce
  /** A piece is the reader's only until it asks for the next one; then its memory is used again. */
  lendsPieces: boolean
  /** Chunks that come before what is given, and were dealt with already. */
  firstChunk?: number | undefined
}

/**
 * Seals a plaintext, or opens a payload, in order and in constant memory: a batch of 1 MiB, and as many as the workforce
 * takes at once. A batch is read only when an earlier one is asked for. Opening throws DECRYPT_TRUNCATED or
 * DECRYPT_TAMPERED; until it has ended without, what came out may be the beginning of a file that was cut off.
 */
export async function* transform(
  { kind, key, workforce, lendsPieces, firstChunk: startChunk = 0 }: Transformation,
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const { slotBytes, gapBytes, slots } = layouts[kind]
  const memory = new ThreadMemory(slots * (slotBytes + gapBytes))
  const coming: Promise<Done>[] = []
  let firstChunk = startChunk
  const hand = ({ bytes, lengthBytes, isLast }: Batch): void => {
    const done = workforce.run({ kind, key, firstChunk, bytes, lengthBytes, isLast })
    // It may fail before anybody waits for it; the failure is met when it is awaited.
    done.catch(() => undefined)
    coming.push(done)
    firstChunk += batchChunks
  }
  const next = async function* (): AsyncGenerator<Buffer> {
    const done = await coming.shift()
    if (done === undefined) return
    if (done.lengthBytes > 0) yield Buffer.from(done.bytes.buffer, done.bytes.byteOffset, done.lengthBytes)
    if (done.fault !== undefined) throw failure(done.fault)
    if (lendsPieces) memory.giveBack(done.bytes)
  }
  try {
    for await (const batch of cutBatches(source, layouts[kind], () => memory.take())) {
      hand(batch)
      if (coming.length >= workforce.atOnce) yield* next()
    }
    while (coming.length > 0) yield* next()
  } finally {
    await Promise.allSettled(coming)
  }
}

function failure(fault: Fault): AppError {
  switch (fault) {
    case 'cut':
      return new AppError('DECRYPT_TRUNCATED', 'The file was cut off: its end is missing.')
    case 'continued':
      return new AppError('DECRYPT_TAMPERED', 'The file is damaged: something follows its end.')
    case 'damaged':
      return new AppError('DECRYPT_TAMPERED', 'The file is damaged: a part of it is not as it was written.')
    case 'cut end':
      return new AppError('DECRYPT_TRUNCATED', 'The file is cut off, or its last part is not as it was written.')
    case 'damaged end':
      return new AppError(
        'DECRYPT_TAMPERED',
        'The file is damaged, or cut off: its last part is not as it was written.',
      )
  }
}
