/** How the bytes of a batch lie: slots one after the other, each followed by a gap that is left for others to fill. */
export type Layout = { slotBytes: number; gapBytes: number; slots: number }

export type Batch = {
  bytes: Buffer
  /** How much of the slots is filled; gaps are not counted. */
  lengthBytes: number
  isLast: boolean
}

/**
 * Cuts a stream into full batches and a last one that may be shorter, and is empty only when the stream is. Batches lie
 * in what `memory` answers; a piece is not needed any more once the next one is asked for.
 */
export async function* cutBatches(
  source: AsyncIterable<Buffer>,
  { slotBytes, gapBytes, slots }: Layout,
  memory: () => Buffer,
): AsyncGenerator<Batch> {
  let bytes = memory()
  let lengthBytes = 0
  for await (const piece of source) {
    for (let fromBytes = 0; fromBytes < piece.length; ) {
      if (lengthBytes === slots * slotBytes) {
        yield { bytes, lengthBytes, isLast: false }
        bytes = memory()
        lengthBytes = 0
      }
      const slot = Math.floor(lengthBytes / slotBytes)
      const countBytes = Math.min(piece.length - fromBytes, (slot + 1) * slotBytes - lengthBytes)
      piece.copy(bytes, lengthBytes + slot * gapBytes, fromBytes, fromBytes + countBytes)
      fromBytes += countBytes
      lengthBytes += countBytes
    }
  }
  yield { bytes, lengthBytes, isLast: true }
}
