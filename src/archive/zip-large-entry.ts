import { crc32 } from 'node:zlib'
import { z } from 'zod'
import { AppError } from '../errors.ts'
import type { ThreadMemory } from '../threads.ts'
import { asBuffer, type Block, bytesOf, cutBlocks } from './blocks.ts'
import { blockBytes, endOfStream, storedBlocks, windowBytes } from './deflate.ts'
import type { Deflater } from './deflater.ts'
import type { ArchiveEntry } from './entry.ts'
import type { Coming } from './in-order.ts'
import { scanEntry } from './scan.ts'
import { dataDescriptor, deflated, localHeader, stored, type ZipSums } from './zip-records.ts'

/** How far an entry of many blocks is. It can be gone on with from there. */
export const openEntry = z.object({
  method: z.literal([stored, deflated]),
  doneBytes: z.number(),
  packedBytes: z.number(),
  /** Of the bytes that are done. */
  crc: z.number(),
  /** Of all bytes; known where they are stored. */
  wholeCrc: z.number(),
})

type OpenEntry = z.infer<typeof openEntry>

export type LargePart = {
  pieces: readonly Buffer[]
  sourceBytes: number
  /** How far the entry is after it. */
  open: OpenEntry
  /** Its sums, where this part is the last. */
  ended?: ZipSums
  release: () => void
}

type Options = { level: number; deflater: Deflater; memory: ThreadMemory }

/** Header, bytes and descriptor of an entry of more than one block; or what is missing of them. */
export async function* largeEntry(
  entry: ArchiveEntry,
  options: Options,
  from: OpenEntry | undefined,
): AsyncGenerator<Coming<LargePart>> {
  if (from !== undefined) {
    yield* from.method === stored ? storeRest(entry, from, undefined) : deflateRest(entry, options, from)
    return
  }
  const scan = await scanEntry(entry, options.level)
  if (scan.kind === 'store') {
    const { crc } = scan
    const open = { method: stored, doneBytes: 0, packedBytes: 0, crc: 0, wholeCrc: crc }
    yield made([localHeader(entry, { method: stored, crc, packedBytes: entry.sizeBytes })], 0, open)
    yield* storeRest(entry, open, scan.held)
  } else {
    const open = { method: deflated, doneBytes: 0, packedBytes: 0, crc: 0, wholeCrc: 0 }
    yield made([localHeader(entry, undefined)], 0, open)
    yield* deflateRest(entry, options, open)
  }
}

async function* storeRest(
  entry: ArchiveEntry,
  from: OpenEntry,
  held: readonly Buffer[] | undefined,
): AsyncGenerator<Coming<LargePart>> {
  let open = from
  const rest = { startBytes: from.doneBytes, lengthBytes: entry.sizeBytes - from.doneBytes }
  for await (const piece of held ?? entry.read(rest)) {
    const doneBytes = open.doneBytes + piece.length
    open = { ...open, doneBytes, packedBytes: doneBytes, crc: crc32(piece, open.crc) }
    const isLast = doneBytes === entry.sizeBytes
    if (isLast && open.crc !== open.wholeCrc) {
      throw new AppError('STORAGE_UNAVAILABLE', 'A stored file was not the same when it was read again.')
    }
    yield made(
      [piece],
      piece.length,
      open,
      isLast ? { method: stored, crc: open.crc, packedBytes: doneBytes } : undefined,
    )
  }
}

async function* deflateRest(entry: ArchiveEntry, options: Options, from: OpenEntry): AsyncGenerator<Coming<LargePart>> {
  const { doneBytes } = from
  const rest = entry.read({ startBytes: doneBytes, lengthBytes: entry.sizeBytes - doneBytes })
  let crc = from.crc
  // To how many bytes a block comes is known when it is done, and so are those before it.
  let last = Promise.resolve(from)
  for await (const block of cutBlocks(rest, options.memory, await windowBefore(entry, doneBytes))) {
    crc = crc32(bytesOf(block), crc)
    const part = deflatePart(block, options, { crc, before: last })
    last = part.then(({ open }) => open)
    // The failure is met where the part is awaited.
    last.catch(() => undefined)
    yield { done: part, holdsBytes: 2 * blockBytes }
  }
  yield { done: last.then((open) => tail(entry, open)), holdsBytes: 0 }
}

async function deflatePart(
  block: Block,
  { level, deflater, memory }: Options,
  { crc, before }: { crc: number; before: Promise<OpenEntry> },
): Promise<LargePart> {
  const done = await deflater.run({ ...block, level })
  const pieces = done.deflated
    ? [asBuffer(done.deflated)]
    : storedBlocks(bytesOf({ ...block, memory: asBuffer(done.memory) }))
  const earlier = await before
  const open = {
    ...earlier,
    crc,
    doneBytes: earlier.doneBytes + block.lengthBytes,
    packedBytes: earlier.packedBytes + lengthOf(pieces),
  }
  return { pieces, sourceBytes: block.lengthBytes, open, release: () => memory.giveBack(done.memory) }
}

function tail(entry: ArchiveEntry, open: OpenEntry): LargePart {
  const ended = { method: deflated, crc: open.crc, packedBytes: open.packedBytes + endOfStream.length }
  return { pieces: [endOfStream, dataDescriptor(entry, ended)], sourceBytes: 0, open, ended, release: () => {} }
}

/** What the dictionary of the next block is made of. */
async function windowBefore(entry: ArchiveEntry, doneBytes: number): Promise<Buffer> {
  const lengthBytes = Math.min(doneBytes, windowBytes)
  const pieces: Buffer[] = []
  if (lengthBytes > 0) {
    for await (const piece of entry.read({ startBytes: doneBytes - lengthBytes, lengthBytes })) pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function made(pieces: readonly Buffer[], sourceBytes: number, open: OpenEntry, ended?: ZipSums): Coming<LargePart> {
  const part = { pieces, sourceBytes, open, ...(ended ? { ended } : {}), release: () => {} }
  return { done: Promise.resolve(part), holdsBytes: sourceBytes }
}

function lengthOf(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0)
}
