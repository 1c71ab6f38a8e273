import { setImmediate } from 'node:timers/promises'

/** The bytes as a stream of pieces, each in memory that is overwritten once the next one is asked for. */
export async function* inPieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  const memory = Buffer.alloc(pieceBytes)
  for (let startBytes = 0; startBytes < bytes.length; startBytes += pieceBytes) {
    const length = bytes.copy(memory, 0, startBytes, startBytes + pieceBytes)
    yield memory.subarray(0, length)
    memory.fill(0xee)
  }
  await setImmediate()
}

/** The whole stream in one buffer. */
export async function joined(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece)
  return Buffer.concat(pieces)
}
