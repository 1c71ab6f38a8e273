import { randomBytes } from 'node:crypto'

/** A PNG as far as anybody can tell by its structure, of this length. */
export function png(sizeBytes: number): Buffer {
  const signature = Buffer.from('89504e470d0a1a0a', 'hex')
  const header = pngChunk('IHDR', Buffer.alloc(13))
  return Buffer.concat([
    signature,
    header,
    pngChunk('IDAT', randomBytes(sizeBytes - signature.length - header.length - 12)),
  ])
}

function pngChunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(data.length)
  return Buffer.concat([length, Buffer.from(type), data, Buffer.alloc(4)])
}

/** What begins as a PDF does, of this length. */
export function pdf(sizeBytes: number): Buffer {
  const head = Buffer.from('%PDF-1.7\n')
  return Buffer.concat([head, randomBytes(sizeBytes - head.length)])
}
