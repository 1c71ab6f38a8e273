import { createHash, randomBytes } from 'node:crypto'

/** A made-up file of equal pieces (the last may be shorter), held in memory as one shared random piece. */
export type Payload = {
  sizeBytes: number
  pieceSizeBytes: number
  pieces: number
  /** SHA-256 of the whole file, hex. */
  hash: string
  /** The buffers that make up one piece; all but a few bytes of it are shared with every other piece. */
  piece(index: number): Buffer[]
}

const markBytes = 16

/**
 * Makes a file that costs the sender almost nothing: each piece is its number, then the tail of one random buffer, so no
 * two pieces are equal. Reads through the whole of it once, for the hash. Sizes in bytes.
 */
export function makePayload(sizeBytes: number, pieceSizeBytes: number): Payload {
  const shared = randomBytes(pieceSizeBytes)
  const pieces = Math.ceil(sizeBytes / pieceSizeBytes)
  const piece = (index: number): Buffer[] => {
    const length = Math.min(pieceSizeBytes, sizeBytes - index * pieceSizeBytes)
    const mark = Buffer.alloc(markBytes)
    mark.writeUInt32LE(index)
    return [mark.subarray(0, Math.min(markBytes, length)), shared.subarray(Math.min(markBytes, length), length)]
  }
  const hash = createHash('sha256')
  for (let index = 0; index < pieces; index++) for (const part of piece(index)) hash.update(part)
  return { sizeBytes, pieceSizeBytes, pieces, hash: hash.digest('hex'), piece }
}
