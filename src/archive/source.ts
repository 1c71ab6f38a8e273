import type { Range } from './entry.ts'

/** Where an archive is read from. */
export type ArchiveSource = {
  sizeBytes: number
  /** The bytes of a range, all of them. */
  read: (range: Range) => AsyncIterable<Buffer>
}

/** A range in one piece; it has to be a small one. */
export async function readPiece(source: ArchiveSource, range: Range): Promise<Buffer> {
  const pieces: Buffer[] = []
  if (range.lengthBytes > 0) for await (const piece of source.read(range)) pieces.push(piece)
  return Buffer.concat(pieces)
}
