import type { ThreadMemory } from '../threads.ts'
import { blockBytes, windowBytes } from './deflate.ts'

/** A block of a stream in memory of its own, after the end of what came before it. */
export type Block = { memory: Buffer; dictionaryBytes: number; lengthBytes: number }

/** How much memory a block has. */
export const blockMemoryBytes = windowBytes + blockBytes

export function bytesOf({ memory, lengthBytes }: Block): Buffer {
  return memory.subarray(windowBytes, windowBytes + lengthBytes)
}

/**
 * Cuts a stream into full blocks and a last one that may be shorter; none of an empty stream. `before` is what came before
 * it: the last 32 KiB of that, or all where it is less.
 */
export async function* cutBlocks(
  source: AsyncIterable<Buffer>,
  memory: ThreadMemory,
  before: Buffer,
): AsyncGenerator<Block> {
  // A block is out of reach once it was handed on.
  let tail = before
  let block = begin(memory, tail)
  for await (const piece of source) {
    for (let fromBytes = 0; fromBytes < piece.length; ) {
      if (block.lengthBytes === blockBytes) {
        tail = Buffer.from(block.memory.subarray(blockBytes, blockBytes + windowBytes))
        yield block
        block = begin(memory, tail)
      }
      const countBytes = Math.min(piece.length - fromBytes, blockBytes - block.lengthBytes)
      piece.copy(block.memory, windowBytes + block.lengthBytes, fromBytes, fromBytes + countBytes)
      block.lengthBytes += countBytes
      fromBytes += countBytes
    }
  }
  if (block.lengthBytes > 0) yield block
  else memory.giveBack(block.memory)
}

function begin(source: ThreadMemory, before: Buffer): Block {
  const memory = source.take()
  before.copy(memory, windowBytes - before.length)
  return { memory, dictionaryBytes: before.length, lengthBytes: 0 }
}

/** The same memory. */
export function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length)
}
