/** How the bytes of a batch lie: slots one after the other, each followed by a gap that is left for others to fill. */
export type Layout = { slotBytes: number; gapBytes: number; slots: number }

export type Batch = {
  bytes: Buffer
  /** How much of the slots is filled; gaps are not counted. */
  lengthBytes: number
  isLast: boolean
}

/**
 * Cuts a stream into full batches and a last one that may be shorter, and is empty only when the stream is. Every batch
 * has memory of its own; a piece is not needed any more once the next one is asked for.
 */
export async function* cutBatches(source: AsyncIterable<Buffer>, layout: Layout): AsyncGenerator<Batch> {
  const { slotBytes, gapBytes, slots } = layout
  let bytes = newBatch(layout)
  let lengthBytes = 0
  for await (const piece of source) {
    for (let fromBytes = 0; fromBytes < piece.length; ) {
      if (lengthBytes === slots * slotBytes) {
        yield { bytes, lengthBytes, isLast: false }
        bytes = newBatch(layout)
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

/** Not from the pool of small buffers: the memory may be handed to another thread. */
function newBatch({ slotBytes, gapBytes, slots }: Layout): Buffer {
  return Buffer.allocUnsafeSlow(slots * (slotBytes + gapBytes))
}
