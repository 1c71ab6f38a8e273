import { crc32 } from 'node:zlib'
import { AppError } from '../errors.ts'
import { Front } from '../front.ts'
import { decodeName } from './names.ts'
import { segmentsOf } from './paths.ts'
import { damaged, quoted, refuseMode, refuseUnsafe, unsupported } from './refuse.ts'
import type { ArchiveSource } from './source.ts'
import type { UnpackMeter } from './unpack-meter.ts'
import { findZipEnd } from './zip-end.ts'
import { deflated, signatures, stored, type ZipMethod } from './zip-records.ts'

/** An entry as the directory describes it. */
export type ZipEntry = {
  /** Folders and name, with slashes between them. */
  path: string
  isFolder: boolean
  nameBytes: Buffer
  flags: number
  method: ZipMethod
  crc: number
  packedBytes: number
  sizeBytes: number
  offsetBytes: number
  /** Where the next entry begins, or the directory: nothing of this one lies behind. */
  boundBytes: number
}

const fixedBytes = 46
const localBytes = 30
const encryptedFlags = (1 << 0) | (1 << 6) | (1 << 13)
const utf8Flag = 1 << 11
const aesMethod = 99
const wide32 = 0xffff_ffff

/**
 * The files of a zip file, by its directory alone; nothing is unpacked. Throws when one of them is encrypted, a link,
 * unsafely named, packed in another way than deflated or stored, or overlaps another one, and what the meter throws.
 */
export async function readZipDirectory(source: ArchiveSource, meter: UnpackMeter): Promise<ZipEntry[]> {
  const end = await findZipEnd(source)
  meter.addEntries(end.entries)
  if (end.directoryBytes < end.entries * fixedBytes) throw damaged('its directory is too short')
  const range = { startBytes: end.offsetBytes, lengthBytes: end.directoryBytes }
  const front = new Front(end.directoryBytes > 0 ? source.read(range) : nothing())
  const entries: ZipEntry[] = []
  try {
    for (let count = 0; count < end.entries; count++) {
      const entry = await readEntry(front)
      meter.addBytes(entry.sizeBytes)
      entries.push(entry)
    }
    if ((await front.peek(1)).length > 0) throw damaged('its directory has more entries than its end says')
  } finally {
    await front.close()
  }
  return bounded(entries, end.offsetBytes).filter((entry) => !entry.isFolder)
}

async function* nothing(): AsyncGenerator<Buffer> {}

async function readEntry(front: Front): Promise<ZipEntry> {
  const fixed = await front.take(fixedBytes)
  if (fixed.length < fixedBytes || fixed.readUInt32LE(0) !== signatures.central) {
    throw damaged('its directory has something else than entries')
  }
  const nameLength = fixed.readUInt16LE(28)
  const extraLength = fixed.readUInt16LE(30)
  const restLength = nameLength + extraLength + fixed.readUInt16LE(32)
  const rest = await front.take(restLength)
  if (rest.length < restLength) throw damaged('its directory is too short')
  const nameBytes = Buffer.from(rest.subarray(0, nameLength))
  const extra = extraFields(rest.subarray(nameLength, nameLength + extraLength))
  const flags = fixed.readUInt16LE(8)
  const name = nameOf(nameBytes, flags, extra)
  refuseUnsafe(name)
  refuseMode(name, fixed.readUInt32LE(38) >>> 16)
  const method = methodOf(fixed.readUInt16LE(10), flags, name)
  const [sizeBytes, packedBytes, offsetBytes] = wideFields(
    [fixed.readUInt32LE(24), fixed.readUInt32LE(20), fixed.readUInt32LE(42)],
    extra.get(0x0001),
  )
  const isFolder = /[/\\]$/.test(name)
  if (method === stored && packedBytes !== sizeBytes)
    throw damaged(`the sizes of ${quoted(name)} contradict each other`)
  if (isFolder && sizeBytes > 0) throw damaged(`the folder ${quoted(name)} has bytes`)
  const path = segmentsOf(name).join('/')
  if (path === '' && !isFolder) throw damaged('an entry has no name')
  return {
    path,
    isFolder,
    nameBytes,
    flags,
    method,
    crc: fixed.readUInt32LE(16),
    packedBytes,
    sizeBytes,
    offsetBytes,
    boundBytes: 0,
  }
}

function methodOf(method: number, flags: number, name: string): ZipMethod {
  if ((flags & encryptedFlags) !== 0 || method === aesMethod) {
    throw new AppError(
      'ARCHIVE_ENCRYPTED',
      `The archive is encrypted (${quoted(name)}); encrypted zip files are not unpacked, with a password or without.`,
    )
  }
  if (method === stored || method === deflated) return method
  throw unsupported(`${quoted(name)} is packed by method ${method}; only stored (0) and deflated (8) are known`)
}

/** The extra fields of an entry by their ids, each once (4.5). */
function extraFields(bytes: Buffer): Map<number, Buffer> {
  const fields = new Map<number, Buffer>()
  // Some writers pad with a byte or three, which are no field.
  for (let at = 0; at + 4 <= bytes.length; ) {
    const id = bytes.readUInt16LE(at)
    const endBytes = at + 4 + bytes.readUInt16LE(at + 2)
    if (endBytes > bytes.length) break
    if (!fields.has(id)) fields.set(id, bytes.subarray(at + 4, endBytes))
    at = endBytes
  }
  return fields
}

/** Those of the fields that are full stand in 64 bits in the extra field, in this order (4.5.3). */
function wideFields(narrow: [number, number, number], extra: Buffer | undefined): [number, number, number] {
  let at = 0
  const widen = (value: number): number => {
    if (value !== wide32) return value
    if (extra === undefined || at + 8 > extra.length) throw damaged('an entry has no size')
    const wide = Number(extra.readBigUInt64LE(at))
    at += 8
    if (!Number.isSafeInteger(wide)) throw damaged('an entry has an impossible size')
    return wide
  }
  const [first, second, third] = narrow
  return [widen(first), widen(second), widen(third)]
}

function nameOf(bytes: Buffer, flags: number, extra: Map<number, Buffer>): string {
  // Info-ZIP's Unicode path: a version, the sum of the other name, which says whether both belong together, and the name.
  const unicode = extra.get(0x7075)
  const isMeant =
    unicode !== undefined && unicode.length > 5 && unicode[0] === 1 && unicode.readUInt32LE(1) === crc32(bytes)
  if (isMeant) return decodeName(unicode.subarray(5), 'cp437')
  return decodeName(bytes, (flags & utf8Flag) === 0 ? 'cp437' : 'latin1')
}

/** The same with their bounds. Throws ARCHIVE_OVERLAPPING when two entries share bytes. */
function bounded(entries: readonly ZipEntry[], directoryBytes: number): ZipEntry[] {
  const inPlace = [...entries].sort((a, b) => a.offsetBytes - b.offsetBytes)
  for (const [index, entry] of inPlace.entries()) {
    const next = inPlace[index + 1]
    entry.boundBytes = next?.offsetBytes ?? directoryBytes
    const leastEndBytes = entry.offsetBytes + localBytes + entry.nameBytes.length + entry.packedBytes
    if (leastEndBytes > directoryBytes) throw damaged(`${quoted(entry.path)} lies outside of it`)
    if (leastEndBytes > entry.boundBytes) throw overlapping(entry.path)
  }
  return [...entries]
}

export function overlapping(path: string): AppError {
  return new AppError(
    'ARCHIVE_OVERLAPPING',
    `The archive has entries that share bytes, ${quoted(path)} and the next one.`,
  )
}
