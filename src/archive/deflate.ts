import { constants, deflateRawSync } from 'node:zlib'

// A deflate stream (RFC 1951) made of blocks that know nothing of each other: each is deflated by itself with the 32 KiB
// before it as its dictionary, and ends on a byte (Z_SYNC_FLUSH). So they can be made at the same time, and a stream can
// be gone on with after any of them.

export const blockBytes = 1024 * 1024
export const windowBytes = 32 * 1024
/** What a stream of such blocks ends with: an empty last block. */
export const endOfStream = Buffer.from([0x03, 0x00])

export type DeflateTask = {
  /** A window, of which the last `dictionaryBytes` are filled, and the block. */
  memory: Uint8Array
  dictionaryBytes: number
  lengthBytes: number
  /** 1 to 9. */
  level: number
}

export type DeflateDone = {
  /** The memory of the task. */
  memory: Uint8Array
  /** The block deflated, in memory of its own; undefined when it does not get smaller. */
  deflated: Uint8Array | undefined
}

/** Deflates a block on this thread: about 25 ms for a MiB of text. What a sample cannot shrink is not tried. */
export function deflateBlock({ memory, dictionaryBytes, lengthBytes, level }: DeflateTask): DeflateDone {
  const block = memory.subarray(windowBytes, windowBytes + lengthBytes)
  if (!canShrink(block)) return { memory, deflated: undefined }
  const dictionary = memory.subarray(windowBytes - dictionaryBytes, windowBytes)
  const deflated = deflateRawSync(block, {
    level,
    ...(dictionaryBytes > 0 ? { dictionary } : {}),
    chunkSize: blockBytes,
    finishFlush: constants.Z_SYNC_FLUSH,
  })
  return { memory, deflated: deflated.length < lengthBytes ? new Uint8Array(deflated) : undefined }
}

const sampleBytes = 32 * 1024
const samplePieces = 4

/** Whether 32 KiB from all over a block get at least a thirty-second smaller at the fastest level; about 0.5 ms. */
export function canShrink(block: Uint8Array): boolean {
  const pieceBytes = sampleBytes / samplePieces
  const step = (block.length - pieceBytes) / (samplePieces - 1)
  const sample =
    block.length <= sampleBytes
      ? block
      : Buffer.concat(
          Array.from({ length: samplePieces }, (_, index) => {
            const startBytes = Math.floor(index * step)
            return block.subarray(startBytes, startBytes + pieceBytes)
          }),
        )
  return deflateRawSync(sample, { level: 1 }).length < sample.length - sample.length / 32
}

const mostStoredBytes = 0xffff

/** A block as it is, for a deflate stream. */
export function storedBlocks(block: Uint8Array): Buffer[] {
  const pieces: Buffer[] = []
  for (let startBytes = 0; startBytes < block.length; startBytes += mostStoredBytes) {
    const piece = Buffer.from(
      block.buffer,
      block.byteOffset + startBytes,
      Math.min(mostStoredBytes, block.length - startBytes),
    )
    const header = Buffer.alloc(5)
    header.writeUInt16LE(piece.length, 1)
    header.writeUInt16LE(piece.length ^ 0xffff, 3)
    pieces.push(header, piece)
  }
  return pieces
}
