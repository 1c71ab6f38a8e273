import { randomBytes } from 'node:crypto'
import type { ArchiveEntry } from '../../src/archive/entry.ts'
import { type ArchivePlan, archiveParts, type ArchiveTools } from '../../src/archive/write.ts'

const mebibyte = 1024 * 1024

/** An entry of these bytes, which counts how many of them were read. */
export function entryOf(name: string, bytes: Buffer, fields: Partial<ArchiveEntry> = {}) {
  const counted = { readBytes: 0 }
  const entry: ArchiveEntry = {
    name,
    sizeBytes: bytes.length,
    modifiedAt: new Date('2024-05-06T07:08:10Z'),
    isDense: false,
    read: async function* ({ startBytes, lengthBytes }) {
      for (let atBytes = startBytes; atBytes < startBytes + lengthBytes; atBytes += mebibyte) {
        const piece = bytes.subarray(atBytes, Math.min(atBytes + mebibyte, startBytes + lengthBytes))
        counted.readBytes += piece.length
        yield Buffer.from(piece)
      }
    },
    ...fields,
  }
  return { ...entry, counted }
}

/** Text that deflate makes about a third of. */
export function text(lengthBytes: number): Buffer {
  const random = randomBytes(Math.ceil(lengthBytes / 4))
  const words = Array.from(random, (byte) => `${(byte * 2654435761) % 4096} `)
  return Buffer.from(words.join('').slice(0, lengthBytes).padEnd(lengthBytes, '.'))
}

export async function archiveOf(plan: ArchivePlan, tools: ArchiveTools): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const part of archiveParts(plan, tools, undefined)) {
    pieces.push(...part.pieces.map((piece) => Buffer.from(piece)))
    part.release()
  }
  return Buffer.concat(pieces)
}
