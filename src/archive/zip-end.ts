import { damaged, truncated, unsupported } from './refuse.ts'
import { type ArchiveSource, readPiece } from './source.ts'
import { signatures } from './zip-records.ts'

export type ZipEnd = { entries: number; offsetBytes: number; directoryBytes: number }

const endBytes = 22
const locatorBytes = 20
const end64Bytes = 56
const mostCommentBytes = 0xffff
const wide16 = 0xffff
const wide32 = 0xffff_ffff

/**
 * Where a zip file's directory is, by the record at the very end (APPNOTE 4.3.14 to 4.3.16). Throws ARCHIVE_TRUNCATED when
 * that is missing, and ARCHIVE_DAMAGED when there are two of them or it does not fit: readers would disagree about what is
 * in the archive.
 */
export async function findZipEnd(source: ArchiveSource): Promise<ZipEnd> {
  const tailBytes = Math.min(source.sizeBytes, locatorBytes + endBytes + mostCommentBytes)
  const startBytes = source.sizeBytes - tailBytes
  const tail = await readPiece(source, { startBytes, lengthBytes: tailBytes })
  const at = findEndRecord(tail)
  const end = tail.subarray(at)
  const narrow = {
    entries: end.readUInt16LE(10),
    directoryBytes: end.readUInt32LE(12),
    offsetBytes: end.readUInt32LE(16),
  }
  if (end.readUInt16LE(8) !== narrow.entries) throw unsupported('it is a part of an archive in several files')
  const isWide = narrow.entries === wide16 || narrow.directoryBytes === wide32 || narrow.offsetBytes === wide32
  const hasLocator = at >= locatorBytes && tail.readUInt32LE(at - locatorBytes) === signatures.locator64
  if (!hasLocator) return checked(narrow, startBytes + at)
  const wide = await readEnd64(source, Number(tail.readBigUInt64LE(at - locatorBytes + 8)))
  if (!isWide && (wide.entries !== narrow.entries || wide.offsetBytes !== narrow.offsetBytes)) {
    throw damaged('its two ends contradict each other')
  }
  return wide
}

/** The end record fits when its comment ends where the file does. */
function findEndRecord(tail: Buffer): number {
  const fitting: number[] = []
  for (let at = tail.length - endBytes; at >= 0; at--) {
    if (tail.readUInt32LE(at) === signatures.end && at + endBytes + tail.readUInt16LE(at + 20) === tail.length) {
      fitting.push(at)
    }
  }
  const [first, second] = fitting
  if (first === undefined) throw truncated('its directory is missing')
  if (second !== undefined) throw damaged('it has two ends')
  return first
}

async function readEnd64(source: ArchiveSource, startBytes: number): Promise<ZipEnd> {
  if (startBytes + end64Bytes > source.sizeBytes) throw damaged('its directory lies outside of it')
  const end = await readPiece(source, { startBytes, lengthBytes: end64Bytes })
  if (end.readUInt32LE(0) !== signatures.end64) throw damaged('its directory is not where its end says')
  const entries = Number(end.readBigUInt64LE(32))
  if (Number(end.readBigUInt64LE(24)) !== entries) throw unsupported('it is a part of an archive in several files')
  const wide = {
    entries,
    directoryBytes: Number(end.readBigUInt64LE(40)),
    offsetBytes: Number(end.readBigUInt64LE(48)),
  }
  return checked(wide, startBytes)
}

function checked(end: ZipEnd, endsAtBytes: number): ZipEnd {
  if (end.offsetBytes + end.directoryBytes !== endsAtBytes) throw damaged('its directory is not where its end says')
  return end
}
