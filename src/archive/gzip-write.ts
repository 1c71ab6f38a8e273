import { crc32 } from 'node:zlib'
import { ThreadMemory } from '../threads.ts'
import { asBuffer, blockMemoryBytes, bytesOf, cutBlocks } from './blocks.ts'
import { blockBytes, endOfStream, storedBlocks } from './deflate.ts'
import type { Deflater } from './deflater.ts'
import type { Coming } from './in-order.ts'

/** How far a gzip file is, in bytes of what goes into it, and their sum. */
export type GzipAt = { doneBytes: number; crc: number }
export type GzipPart = { pieces: readonly Buffer[]; at: GzipAt; release: () => void }

type Source = {
  from: GzipAt
  /** What comes before the place: the last 32 KiB of it, or all where it is less. */
  before: Buffer
  rest: AsyncIterable<Buffer>
}

/** A gzip file (RFC 1952) of one member that is not empty, or what is missing of it, in parts that are being made. */
export async function* gzipParts(
  { from, before, rest }: Source,
  { level, deflater }: { level: number; deflater: Deflater },
): AsyncGenerator<Coming<GzipPart>> {
  const memory = new ThreadMemory(blockMemoryBytes)
  let at = from
  for await (const block of cutBlocks(rest, memory, before)) {
    const after = { doneBytes: at.doneBytes + block.lengthBytes, crc: crc32(bytesOf(block), at.crc) }
    // A place after the header alone would not be told from one before it.
    const front = at.doneBytes === 0 ? [header(level)] : []
    const run = async (): Promise<GzipPart> => {
      const done = level === 0 ? { ...block, deflated: undefined } : await deflater.run({ ...block, level })
      const pieces = done.deflated
        ? [asBuffer(done.deflated)]
        : storedBlocks(bytesOf({ ...block, memory: asBuffer(done.memory) }))
      return { pieces: [...front, ...pieces], at: after, release: () => memory.giveBack(done.memory) }
    }
    at = after
    yield { done: run(), holdsBytes: 2 * blockBytes }
  }
  yield made([endOfStream, trailer(at)], at)
}

/** No name and no time, so that the same content makes the same file. */
function header(level: number): Buffer {
  const effort = level === 9 ? 2 : level === 1 ? 4 : 0
  const unix = 3
  return Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, effort, unix])
}

function trailer({ doneBytes, crc }: GzipAt): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32LE(crc, 0)
  bytes.writeUInt32LE(doneBytes % 2 ** 32, 4)
  return bytes
}

function made(pieces: readonly Buffer[], at: GzipAt): Coming<GzipPart> {
  return { done: Promise.resolve({ pieces, at, release: () => {} }), holdsBytes: 0 }
}
