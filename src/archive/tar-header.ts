// A tar header as POSIX.1-2017 has it (pax, "Interchange Format"): ustar, with an extended header before it where a field
// does not fit.

export const recordBytes = 512

const mostNameBytes = 100
const mostOctalBytes = 8 ** 11 - 1

export type TarHead = { name: string; sizeBytes: number; modifiedAt: Date }

/** What stands before an entry's bytes. */
export function tarHeader(head: TarHead): Buffer {
  if (isPlain(head)) return ustar(head, '0')
  const extended = extendedRecords(head)
  const name = `PaxHeaders/${shortName(head.name)}`.slice(0, mostNameBytes)
  return Buffer.concat([
    ustar({ ...head, name, sizeBytes: extended.length }, 'x'),
    extended,
    padding(extended.length),
    ustar({ ...head, name: shortName(head.name), sizeBytes: Math.min(head.sizeBytes, mostOctalBytes) }, '0'),
  ])
}

/** How long that is. */
export function tarHeaderBytes(head: TarHead): number {
  return isPlain(head) ? recordBytes : tarHeader(head).length
}

/** What follows an entry's bytes, so that the next header begins at a whole record. */
export function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((recordBytes - (sizeBytes % recordBytes)) % recordBytes)
}

/** Whether everything fits into the fields of ustar. */
function isPlain(head: TarHead): boolean {
  return hasPlainName(head) && head.sizeBytes <= mostOctalBytes
}

function hasPlainName({ name }: TarHead): boolean {
  return name.length <= mostNameBytes && /^[\x20-\x7e]*$/.test(name)
}

function extendedRecords(head: TarHead): Buffer {
  const { name, sizeBytes } = head
  return Buffer.concat([
    ...(hasPlainName(head) ? [] : [extendedRecord('path', name)]),
    ...(sizeBytes <= mostOctalBytes ? [] : [extendedRecord('size', String(sizeBytes))]),
  ])
}

/** A line that begins with its own length in decimal. */
function extendedRecord(key: string, value: string): Buffer {
  const rest = Buffer.from(` ${key}=${value}\n`)
  let lengthBytes = rest.length + 1
  while (String(lengthBytes).length + rest.length !== lengthBytes) lengthBytes++
  return Buffer.concat([Buffer.from(String(lengthBytes)), rest])
}

/** For readers that know no extended header. */
function shortName(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, '_').slice(-mostNameBytes)
}

function ustar({ name, sizeBytes, modifiedAt }: TarHead, typeFlag: string): Buffer {
  const header = Buffer.alloc(recordBytes)
  const seconds = Math.max(0, Math.floor(modifiedAt.getTime() / 1000))
  header.write(name, 0, 'latin1')
  header.write('0000644\0', 100, 'latin1')
  header.write('0000000\0', 108, 'latin1')
  header.write('0000000\0', 116, 'latin1')
  header.write(`${octal(sizeBytes, 11)}\0`, 124, 'latin1')
  header.write(`${octal(Math.min(seconds, mostOctalBytes), 11)}\0`, 136, 'latin1')
  header.write(typeFlag, 156, 'latin1')
  header.write('ustar\u000000', 257, 'latin1')
  header.write(`${octal(checksum(header), 6)}\0 `, 148, 'latin1')
  return header
}

/** The sum of a header's bytes, its own field counted as spaces. */
export function checksum(header: Buffer): number {
  let sum = 8 * 0x20
  for (let index = 0; index < recordBytes; index++) if (index < 148 || index >= 156) sum += header.readUInt8(index)
  return sum
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0')
}
