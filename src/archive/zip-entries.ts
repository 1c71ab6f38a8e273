import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { ThreadMemory } from '../threads.ts'
import { asBuffer, blockMemoryBytes, bytesOf } from './blocks.ts'
import { blockBytes, endOfStream, windowBytes } from './deflate.ts'
import type { Deflater } from './deflater.ts'
import type { ArchiveEntry } from './entry.ts'
import type { Coming } from './in-order.ts'
import { largeEntry, type LargePart, openEntry } from './zip-large-entry.ts'
import { deflated, localHeader, stored, type ZipSums } from './zip-records.ts'

/** How far a zip file's entries are: before an entry, or inside it. */
export const zipAt = z.object({ entry: z.number(), open: openEntry.optional() })

export type ZipAt = z.infer<typeof zipAt>

export type ZipPart = {
  pieces: readonly Buffer[]
  sourceBytes: number
  /** How far the entries are after it. */
  at: ZipAt
  /** The sums of the entry that ends with it. */
  ended?: ZipSums | undefined
  /** The pieces are not needed any more. */
  release: () => void
}

export type ZipOptions = { level: number; deflater: Deflater }

/** What is no larger has memory of its own, so that many small entries can be made at the same time. */
const smallBytes = 64 * 1024

/** The headers and bytes of the entries, in parts that are being made. Nothing is asked for before it is wanted. */
export async function* zipEntries(
  entries: readonly ArchiveEntry[],
  options: ZipOptions,
  from: ZipAt,
): AsyncGenerator<Coming<ZipPart>> {
  const memory = new ThreadMemory(blockMemoryBytes)
  for (const [index, entry] of entries.entries()) {
    if (index < from.entry) continue
    if (entry.sizeBytes <= blockBytes) {
      const holdsBytes = 2 * (entry.sizeBytes <= smallBytes ? entry.sizeBytes : blockBytes)
      yield { done: wholeEntry(entry, index, options, memory), holdsBytes }
    } else {
      const open = index === from.entry ? from.open : undefined
      for await (const { done, holdsBytes } of largeEntry(entry, { ...options, memory }, open)) {
        yield { done: done.then((part) => partOf(part, index)), holdsBytes }
      }
    }
  }
}

function partOf({ open, ...part }: LargePart, index: number): ZipPart {
  return { ...part, at: part.ended ? { entry: index + 1 } : { entry: index, open } }
}

/** An entry of one block or less: its sums are known before anything of it is written. */
async function wholeEntry(
  entry: ArchiveEntry,
  index: number,
  { level, deflater }: ZipOptions,
  shared: ThreadMemory,
): Promise<ZipPart> {
  const isSmall = entry.sizeBytes <= smallBytes
  const memory = isSmall ? Buffer.allocUnsafeSlow(windowBytes + entry.sizeBytes) : shared.take()
  let lengthBytes = 0
  for await (const piece of entry.read({ startBytes: 0, lengthBytes: entry.sizeBytes })) {
    lengthBytes += piece.copy(memory, windowBytes + lengthBytes)
  }
  const crc = crc32(memory.subarray(windowBytes, windowBytes + lengthBytes))
  const isTried = level > 0 && !entry.isDense && lengthBytes > 0
  const task = { memory, dictionaryBytes: 0, lengthBytes, level }
  const done = isTried ? await deflater.run(task) : { memory, deflated: undefined }
  const packed = done.deflated
    ? [asBuffer(done.deflated), endOfStream]
    : [bytesOf({ ...task, memory: asBuffer(done.memory) })]
  const packedBytes = packed.reduce((sum, piece) => sum + piece.length, 0)
  const ended: ZipSums = { method: done.deflated ? deflated : stored, crc, packedBytes }
  return {
    pieces: [localHeader(entry, ended), ...packed],
    sourceBytes: lengthBytes,
    at: { entry: index + 1 },
    ended,
    release: () => isSmall || shared.giveBack(done.memory),
  }
}
