import { crc32 } from 'node:zlib'
import { blockBytes, canShrink } from './deflate.ts'
import type { ArchiveEntry } from './entry.ts'

/** An entry is either to be deflated, or is stored, and then its sum is known. */
export type Scan = { kind: 'deflate' } | { kind: 'store'; crc: number; held: Buffer[] | undefined }

/** What is no larger than this is read once: it stays in memory. */
const mostHeldBytes = 8 * blockBytes

/**
 * Reads an entry until something in it can shrink. A stored entry's sum stands before its bytes, because many readers
 * cannot find the end of stored bytes whose sum comes after them; so these are read twice, or held.
 */
export async function scanEntry(entry: ArchiveEntry, level: number): Promise<Scan> {
  const isTried = level > 0 && !entry.isDense
  const held: Buffer[] = []
  let crc = 0
  let doneBytes = 0
  let triedBytes = 0
  for await (const piece of entry.read({ startBytes: 0, lengthBytes: entry.sizeBytes })) {
    if (isTried && doneBytes >= triedBytes) {
      if (canShrink(piece)) return { kind: 'deflate' }
      triedBytes += blockBytes
    }
    crc = crc32(piece, crc)
    doneBytes += piece.length
    if (entry.sizeBytes <= mostHeldBytes) held.push(piece)
  }
  return { kind: 'store', crc, held: entry.sizeBytes <= mostHeldBytes ? held : undefined }
}
