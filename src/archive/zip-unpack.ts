import { crc32 } from 'node:zlib'
import { Front } from '../front.ts'
import { inflate } from './inflate.ts'
import { damaged, quoted } from './refuse.ts'
import type { ArchiveSource } from './source.ts'
import { signatures, stored } from './zip-records.ts'
import { overlapping, type ZipEntry } from './zip-read.ts'

const localBytes = 30
const mostExtraBytes = 0xffff
const descriptorFlag = 1 << 3
const wide32 = 0xffff_ffff

/**
 * The bytes of an entry, read by one range of the archive. Never more than the directory said; throws ARCHIVE_DAMAGED when
 * they are fewer, more, or others, or when the entry's own header says something else than the directory.
 */
export async function* unpackZipEntry(source: ArchiveSource, entry: ZipEntry): AsyncGenerator<Buffer> {
  const { offsetBytes, boundBytes, sizeBytes } = entry
  const mostBytes = localBytes + entry.nameBytes.length + mostExtraBytes + entry.packedBytes
  const lengthBytes = Math.min(boundBytes - offsetBytes, mostBytes)
  const front = new Front(source.read({ startBytes: offsetBytes, lengthBytes }))
  try {
    const headerBytes = await checkHeader(front, entry)
    if (offsetBytes + headerBytes + entry.packedBytes > boundBytes) throw overlapping(entry.path)
    const packed = atMost(front.rest(), entry.packedBytes)
    let crc = 0
    let doneBytes = 0
    for await (const piece of entry.method === stored ? packed : inflate(packed, entry.packedBytes)) {
      doneBytes += piece.length
      if (doneBytes > sizeBytes) throw damaged(`${quoted(entry.path)} is larger than its directory says`)
      crc = crc32(piece, crc)
      yield piece
    }
    if (doneBytes < sizeBytes) throw damaged(`${quoted(entry.path)} is smaller than its directory says`)
    if (crc !== entry.crc) throw damaged(`${quoted(entry.path)} does not have its checksum`)
  } finally {
    await front.close()
  }
}

/** How long the entry's own header is (APPNOTE 4.3.7). */
async function checkHeader(front: Front, entry: ZipEntry): Promise<number> {
  const fixed = await front.take(localBytes)
  if (fixed.length < localBytes || fixed.readUInt32LE(0) !== signatures.local) {
    throw damaged(`${quoted(entry.path)} is not where its directory says`)
  }
  const [nameLength, extraLength] = [fixed.readUInt16LE(26), fixed.readUInt16LE(28)]
  const rest = await front.take(nameLength + extraLength)
  const isKnownLater = (fixed.readUInt16LE(6) & descriptorFlag) !== 0
  const fits =
    rest.subarray(0, nameLength).equals(entry.nameBytes) &&
    fixed.readUInt16LE(8) === entry.method &&
    (isKnownLater ||
      (fixed.readUInt32LE(14) === entry.crc &&
        isSame(fixed.readUInt32LE(18), entry.packedBytes) &&
        isSame(fixed.readUInt32LE(22), entry.sizeBytes)))
  if (!fits) throw damaged(`the directory and ${quoted(entry.path)} itself contradict each other`)
  return localBytes + nameLength + extraLength
}

/** A full field stands for one of 64 bits elsewhere. */
function isSame(narrow: number, value: number): boolean {
  return narrow === value || narrow === wide32
}

async function* atMost(source: AsyncIterable<Buffer>, mostBytes: number): AsyncGenerator<Buffer> {
  let restBytes = mostBytes
  if (restBytes === 0) return
  for await (const piece of source) {
    yield piece.subarray(0, restBytes)
    restBytes -= piece.length
    if (restBytes <= 0) return
  }
}
