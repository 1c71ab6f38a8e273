// The records of a zip file: PKWARE's APPNOTE.TXT 6.3.10, whose section numbers are named. Numbers are little-endian.

export const stored = 0 as const
export const deflated = 8 as const

export type ZipMethod = typeof stored | typeof deflated
/** What is known of an entry before its bytes are. */
export type ZipHead = { name: string; sizeBytes: number; modifiedAt: Date }
/** What is known once they have been read. */
export type ZipSums = { method: ZipMethod; crc: number; packedBytes: number }

export const signatures = {
  local: 0x04034b50,
  descriptor: 0x08074b50,
  central: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
}

const most32 = 0xffff_ffff
const most16 = 0xffff
/** Deflated bytes may be more than they were: five for each stored block, and the marks between blocks. */
const mostGrowthBytes = 1024 * 1024
const utf8Flag = 1 << 11
const descriptorFlag = 1 << 3
const unix = 3
const regularFile = 0o100644

/** Whether an entry's sizes are written in 64 bits. Known from the start, because the descriptor's layout goes by it. */
function isLarge({ sizeBytes }: ZipHead): boolean {
  return sizeBytes > most32 - mostGrowthBytes
}

/** The header before an entry's bytes (4.3.7). Without sums these follow in a descriptor. */
export function localHeader(head: ZipHead, sums: ZipSums | undefined): Buffer {
  const name = Buffer.from(head.name)
  const packedBytes = sums?.packedBytes ?? 0
  const sizeBytes = sums === undefined ? 0 : head.sizeBytes
  const extra = [
    ...(isLarge(head) ? [extraField(0x0001, uint64(sizeBytes), uint64(packedBytes))] : []),
    timestamp(head.modifiedAt),
  ]
  const fixed = Buffer.alloc(30)
  fixed.writeUInt32LE(signatures.local, 0)
  writeCommon(fixed, 4, head, sums)
  fixed.writeUInt32LE(sums?.crc ?? 0, 14)
  fixed.writeUInt32LE(isLarge(head) ? most32 : packedBytes, 18)
  fixed.writeUInt32LE(isLarge(head) ? most32 : sizeBytes, 22)
  fixed.writeUInt16LE(name.length, 26)
  fixed.writeUInt16LE(lengthOf(extra), 28)
  return Buffer.concat([fixed, name, ...extra])
}

/** What follows the bytes of an entry whose header was written before they were known (4.3.9). */
export function dataDescriptor(head: ZipHead, { crc, packedBytes }: ZipSums): Buffer {
  const sizes = [packedBytes, head.sizeBytes].map(isLarge(head) ? uint64 : uint32)
  return Buffer.concat([uint32(signatures.descriptor), uint32(crc), ...sizes])
}

/** An entry's line in the directory (4.3.12). `hasDescriptor` as in the local header. */
export function centralHeader(
  head: ZipHead,
  sums: ZipSums,
  { offsetBytes, hasDescriptor }: { offsetBytes: number; hasDescriptor: boolean },
): Buffer {
  const name = Buffer.from(head.name)
  const isFar = offsetBytes >= most32
  const wide = [
    ...(isLarge(head) ? [uint64(head.sizeBytes), uint64(sums.packedBytes)] : []),
    ...(isFar ? [uint64(offsetBytes)] : []),
  ]
  const extra = [...(wide.length > 0 ? [extraField(0x0001, ...wide)] : []), timestamp(head.modifiedAt)]
  const fixed = Buffer.alloc(46)
  fixed.writeUInt32LE(signatures.central, 0)
  fixed.writeUInt16LE((unix << 8) | 45, 4)
  writeCommon(fixed, 6, head, hasDescriptor ? undefined : sums)
  fixed.writeUInt16LE(sums.method, 10)
  fixed.writeUInt32LE(sums.crc, 16)
  fixed.writeUInt32LE(isLarge(head) ? most32 : sums.packedBytes, 20)
  fixed.writeUInt32LE(isLarge(head) ? most32 : head.sizeBytes, 24)
  fixed.writeUInt16LE(name.length, 28)
  fixed.writeUInt16LE(lengthOf(extra), 30)
  fixed.writeUInt32LE(regularFile * 0x10000, 38)
  fixed.writeUInt32LE(isFar ? most32 : offsetBytes, 42)
  return Buffer.concat([fixed, name, ...extra])
}

/** The end of the file (4.3.14 to 4.3.16), in 64 bits where it has to be. */
export function endRecords({
  entries,
  directoryBytes,
  offsetBytes,
}: {
  entries: number
  directoryBytes: number
  offsetBytes: number
}): Buffer {
  const isWide = entries >= most16 || directoryBytes >= most32 || offsetBytes >= most32
  const end = Buffer.alloc(22)
  end.writeUInt32LE(signatures.end, 0)
  end.writeUInt16LE(Math.min(entries, most16), 8)
  end.writeUInt16LE(Math.min(entries, most16), 10)
  end.writeUInt32LE(Math.min(directoryBytes, most32), 12)
  end.writeUInt32LE(Math.min(offsetBytes, most32), 16)
  if (!isWide) return end
  const end64 = Buffer.alloc(56)
  end64.writeUInt32LE(signatures.end64, 0)
  end64.writeBigUInt64LE(44n, 4)
  end64.writeUInt16LE((unix << 8) | 45, 12)
  end64.writeUInt16LE(45, 14)
  end64.writeBigUInt64LE(BigInt(entries), 24)
  end64.writeBigUInt64LE(BigInt(entries), 32)
  end64.writeBigUInt64LE(BigInt(directoryBytes), 40)
  end64.writeBigUInt64LE(BigInt(offsetBytes), 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(signatures.locator64, 0)
  locator.writeBigUInt64LE(BigInt(offsetBytes + directoryBytes), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([end64, locator, end])
}

/** Version needed, flags, method, time and date, which both headers have in this order (4.4.3 to 4.4.6). */
function writeCommon(target: Buffer, offset: number, head: ZipHead, sums: ZipSums | undefined): void {
  const flags = (isAscii(head.name) ? 0 : utf8Flag) | (sums === undefined ? descriptorFlag : 0)
  const { time, date } = dosTime(head.modifiedAt)
  target.writeUInt16LE(isLarge(head) ? 45 : 20, offset)
  target.writeUInt16LE(flags, offset + 2)
  target.writeUInt16LE(sums?.method ?? deflated, offset + 4)
  target.writeUInt16LE(time, offset + 6)
  target.writeUInt16LE(date, offset + 8)
}

/** In UTC, for the same files must make the same archive everywhere. */
function dosTime(moment: Date): { time: number; date: number } {
  const year = Math.min(Math.max(moment.getUTCFullYear(), 1980), 2107)
  const time = (moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5) | (moment.getUTCSeconds() >> 1)
  return { time, date: ((year - 1980) << 9) | ((moment.getUTCMonth() + 1) << 5) | moment.getUTCDate() }
}

/** The time of modification in seconds since 1970, which knows no time zone (Info-ZIP's "UT" field). */
function timestamp(moment: Date): Buffer {
  const seconds = Math.floor(moment.getTime() / 1000)
  const time = Buffer.alloc(5)
  time.writeUInt8(1, 0)
  time.writeInt32LE(Math.min(Math.max(seconds, -0x8000_0000), 0x7fff_ffff), 1)
  return extraField(0x5455, time)
}

function extraField(id: number, ...parts: Buffer[]): Buffer {
  const fixed = Buffer.alloc(4)
  fixed.writeUInt16LE(id, 0)
  fixed.writeUInt16LE(lengthOf(parts), 2)
  return Buffer.concat([fixed, ...parts])
}

function lengthOf(parts: readonly Buffer[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length
}
