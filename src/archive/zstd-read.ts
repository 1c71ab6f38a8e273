import { Front } from '../front.ts'
import { damaged, truncated, unsupported } from './refuse.ts'
import type { Zstd } from './zstd-contract.ts'

const magic = 0xfd2fb528
const skippableMagic = 0x184d2a50
/** What unpacking a frame may take; the levels up to 19 need 8 MiB. */
const mostWindowBytes = 64 * 1024 * 1024

/**
 * What the frames of a Zstandard file hold (RFC 8878, section 3). The frames are told apart here, because not every decoder
 * goes on with the next one, or notices that the last one is cut off. Throws ARCHIVE_TRUNCATED, ARCHIVE_DAMAGED or
 * ARCHIVE_UNSUPPORTED.
 */
export async function* unzstd(source: AsyncIterable<Buffer>, zstd: Zstd): AsyncGenerator<Buffer> {
  const front = new Front(source)
  try {
    for (;;) {
      const start = await front.peek(4)
      if (start.length === 0) return
      if (start.length < 4) throw truncated('a frame has no end')
      const kind = start.readUInt32LE(0)
      if (kind === magic) yield* zstd.decompressFrame(frameBytes(front))
      else if ((kind & 0xfffffff0) >>> 0 === skippableMagic) await skipFrame(front)
      else throw damaged('there is something else than zstd frames in it')
    }
  } finally {
    await front.close()
  }
}

/** Exactly the bytes of the next frame. */
async function* frameBytes(front: Front): AsyncGenerator<Buffer> {
  const descriptor = (await whole(front, 5, 'peek')).readUInt8(4)
  const isSingle = (descriptor & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0
  const headerBytes = 5 + (isSingle ? 0 : 1) + dictionaryBytes + sizeBytes
  const header = await whole(front, headerBytes, 'take')
  if (!isSingle && windowOf(header.readUInt8(5)) > mostWindowBytes)
    throw unsupported('its zstd frames need too much memory')
  yield Buffer.from(header)
  for (let isLast = false; !isLast; ) {
    const block = await whole(front, 3, 'take')
    const fields = block.readUIntLE(0, 3)
    isLast = (fields & 1) !== 0
    const type = (fields >> 1) & 3
    if (type === 3) throw damaged('a zstd frame does not make sense')
    yield Buffer.from(block)
    // A block of one byte that is repeated has that byte alone.
    yield* some(front, type === 1 ? 1 : fields >> 3)
  }
  if ((descriptor & 4) !== 0) yield* some(front, 4)
}

/** Section 3.1.1.1.2. */
function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3))
  return base + (base / 8) * (descriptor & 7)
}

async function* some(front: Front, countBytes: number): AsyncGenerator<Buffer> {
  for (let restBytes = countBytes; restBytes > 0; ) {
    const piece = await front.takeSome(restBytes)
    if (piece.length === 0) throw truncated('a zstd frame has no end')
    restBytes -= piece.length
    yield piece
  }
}

async function skipFrame(front: Front): Promise<void> {
  const header = await whole(front, 8, 'take')
  for await (const piece of some(front, header.readUInt32LE(4))) void piece
}

async function whole(front: Front, countBytes: number, how: 'peek' | 'take'): Promise<Buffer> {
  const bytes = await front[how](countBytes)
  if (bytes.length < countBytes) throw truncated('a zstd frame has no end')
  return bytes
}
