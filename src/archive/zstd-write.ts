import type { Coming } from './in-order.ts'
import type { Zstd } from './zstd-contract.ts'

/**
 * What goes into one frame. Frames know nothing of each other, so that they can be made at the same time and gone on with
 * after any of them; one of this size is about a hundredth larger than it would be as a part of one long frame.
 */
const frameSourceBytes = 8 * 1024 * 1024

export type ZstdFrame = { frame: Buffer; sourceBytes: number }

/** A Zstandard file (RFC 8878) in frames that are being made. */
export async function* zstdFrames(
  source: AsyncIterable<Buffer>,
  { level, zstd }: { level: number; zstd: Zstd },
): AsyncGenerator<Coming<ZstdFrame>> {
  const coming = (bytes: Buffer): Coming<ZstdFrame> => {
    const made = zstd.compress(bytes, Math.max(1, level)).then((frame) => ({ frame, sourceBytes: bytes.length }))
    return { done: made, holdsBytes: 2 * bytes.length }
  }
  let held = Buffer.allocUnsafeSlow(frameSourceBytes)
  let heldBytes = 0
  for await (const piece of source) {
    for (let fromBytes = 0; fromBytes < piece.length; ) {
      if (heldBytes === held.length) {
        yield coming(held)
        held = Buffer.allocUnsafeSlow(frameSourceBytes)
        heldBytes = 0
      }
      const countBytes = piece.copy(held, heldBytes, fromBytes)
      heldBytes += countBytes
      fromBytes += countBytes
    }
  }
  if (heldBytes > 0) yield coming(held.subarray(0, heldBytes))
}
