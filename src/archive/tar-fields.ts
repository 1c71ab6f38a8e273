import { decodeName } from './names.ts'
import { damaged } from './refuse.ts'
import { checksum, recordBytes } from './tar-header.ts'

const ustar = Buffer.from('ustar\0')

/** Whether a record is a header, by its checksum; some old writers summed signed bytes up. */
export function isTarHeader(record: Buffer): boolean {
  if (record.length < recordBytes || record.readUInt8(0) === 0) return false
  const text = record
    .toString('latin1', 148, 156)
    .replace(/[\0 ]+$/, '')
    .trim()
  if (!/^[0-7]{1,7}$/.test(text)) return false
  const sum = Number.parseInt(text, 8)
  return sum === checksum(record) || sum === signedChecksum(record)
}

function signedChecksum(record: Buffer): number {
  let sum = 8 * 0x20
  for (let index = 0; index < recordBytes; index++) if (index < 148 || index >= 156) sum += record.readInt8(index)
  return sum
}

/** A number in octal, or, where that is too narrow, in base 256 as GNU tar and star write it. */
export function fieldNumber(header: Buffer, offset: number, lengthBytes: number): number {
  const field = header.subarray(offset, offset + lengthBytes)
  const first = field.readUInt8(0)
  if (first === 0x80) {
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0)
    if (Number.isSafeInteger(value)) return value
    throw damaged('an entry has an impossible size')
  }
  const text = field.toString('latin1').replace(/\0.*$/s, '').trim()
  if (!/^[0-7]*$/.test(text)) throw damaged('an entry has an impossible size')
  return text === '' ? 0 : Number.parseInt(text, 8)
}

/** The path of a header's own fields. */
export function pathOf(header: Buffer): string {
  const name = fieldText(header.subarray(0, 100))
  // GNU's own headers ("ustar  ") keep something else where the prefix is.
  const prefix = header.subarray(257, 263).equals(ustar) ? fieldText(header.subarray(345, 500)) : ''
  return prefix === '' ? name : `${prefix}/${name}`
}

function fieldText(field: Buffer): string {
  return decodeName(field.subarray(0, textLength(field)), 'latin1')
}

/** How long the text is that a NUL ends. */
export function textLength(bytes: Buffer): number {
  const end = bytes.indexOf(0)
  return end < 0 ? bytes.length : end
}

/** The records of an extended header (pax): each begins with its own length in decimal. */
export function extendedFields(bytes: Buffer): Map<string, string> {
  const fields = new Map<string, string>()
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const digits = /^\d{1,7} /.exec(bytes.toString('latin1', at, at + 8))?.[0]
    const endBytes = at + Number(digits)
    if (digits === undefined || endBytes > bytes.length || bytes[endBytes - 1] !== 0x0a) {
      throw damaged('an extended header does not make sense')
    }
    const line = decodeName(bytes.subarray(at + digits.length, endBytes - 1), 'latin1')
    const equals = line.indexOf('=')
    if (equals < 1) throw damaged('an extended header does not make sense')
    fields.set(line.slice(0, equals), line.slice(equals + 1))
    at = endBytes
  }
  return fields
}
