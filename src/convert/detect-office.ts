/** What LibreOffice reads a document as: the name of its filter, and the program that has it. */
export type OfficeType = { program: 'writer' | 'calc' | 'impress'; filter: string }

type Found = { type: string; office: OfficeType }
/** Reads bytes of the file; from its end when the offset is negative. */
type ReadAt = (offsetBytes: number, lengthBytes: number) => Promise<Buffer>

const word = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'
const sheet = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'
const slides = 'application/vnd.openxmlformats-officedocument.presentationml.presentation'
const open = 'application/vnd.oasis.opendocument'

const found = (type: string, program: OfficeType['program'], filter: string): Found => {
  return { type, office: { program, filter } }
}

/** OOXML by the folder that its parts lie in. */
const xmlParts: Record<string, Found> = {
  'word/document.xml': found(word, 'writer', 'MS Word 2007 XML'),
  'xl/workbook.xml': found(sheet, 'calc', 'Calc MS Excel 2007 XML'),
  'ppt/presentation.xml': found(slides, 'impress', 'Impress MS PowerPoint 2007 XML'),
}

/** OpenDocument by its first entry, which is stored as it is. */
const openTypes: Record<string, Found> = {
  [`${open}.text`]: found(`${open}.text`, 'writer', 'writer8'),
  [`${open}.spreadsheet`]: found(`${open}.spreadsheet`, 'calc', 'calc8'),
  [`${open}.presentation`]: found(`${open}.presentation`, 'impress', 'impress8'),
}

/** Office files before 2007 by the stream that they have. */
const oldStreams: Record<string, Found> = {
  WordDocument: found('application/msword', 'writer', 'MS Word 97'),
  Workbook: found('application/vnd.ms-excel', 'calc', 'MS Excel 97'),
  'PowerPoint Document': found('application/vnd.ms-powerpoint', 'impress', 'MS PowerPoint 97'),
}

const directoryBytes = 64 * 1024

/** Which document a file is by its bytes, and for plain text also by its name. */
export async function officeTypeOf(readAt: ReadAt, head: Buffer, name: string): Promise<Found | undefined> {
  if (head.toString('latin1', 0, 4) === 'PK\x03\x04') return openDocument(head) ?? (await xmlDocument(readAt))
  if (head.subarray(0, 8).equals(Buffer.from('d0cf11e0a1b11ae1', 'hex'))) return oldDocument(readAt, head)
  if (head.toString('latin1', 0, 5) === '{\\rtf') return found('application/rtf', 'writer', 'Rich Text Format')
  return plainText(head, name)
}

/** The entry `mimetype` comes first, neither compressed nor with an extra field (OpenDocument 1.3, part 2, 3.3). */
function openDocument(head: Buffer): Found | undefined {
  if (head.length < 38 || head.readUInt16LE(8) !== 0 || head.toString('latin1', 30, 38) !== 'mimetype') return undefined
  const startBytes = 38 + head.readUInt16LE(28)
  return openTypes[head.toString('latin1', startBytes, startBytes + head.readUInt32LE(18))]
}

/** By the names in the central directory at the end of the zip file; its beginning may have no sizes to go by. */
async function xmlDocument(readAt: ReadAt): Promise<Found | undefined> {
  const tail = await readAt(-directoryBytes, directoryBytes)
  const end = tail.lastIndexOf('PK\x05\x06')
  if (end < 0 || end + 20 > tail.length) return undefined
  const directory = await readAt(tail.readUInt32LE(end + 16), Math.min(tail.readUInt32LE(end + 12), directoryBytes))
  const names = [...namesIn(directory)]
  if (!names.includes('[Content_Types].xml')) return undefined
  return names.map((name) => xmlParts[name]).find((one) => one !== undefined)
}

function* namesIn(directory: Buffer): Generator<string> {
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === 0x02014b50; ) {
    const nameBytes = directory.readUInt16LE(at + 28)
    yield directory.toString('latin1', at + 46, at + 46 + nameBytes)
    at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
  }
}

/** By the names in the directory of the compound file (MS-CFB): entries of 128 bytes that begin with a name in UTF-16. */
async function oldDocument(readAt: ReadAt, head: Buffer): Promise<Found | undefined> {
  if (head.length < 52) return undefined
  const sectorBytes = 2 ** Math.min(12, head.readUInt16LE(30))
  const directory = await readAt((head.readUInt32LE(48) + 1) * sectorBytes, directoryBytes)
  for (let at = 0; at + 128 <= directory.length; at += 128) {
    const nameBytes = Math.max(0, Math.min(64, directory.readUInt16LE(at + 64)) - 2)
    const document = oldStreams[directory.toString('utf16le', at, at + nameBytes)]
    if (document) return document
  }
  return undefined
}

function plainText(head: Buffer, name: string): Found | undefined {
  if (head.length === 0 || head.includes(0) || !isUtf8(head)) return undefined
  if (/\.(txt|text|md|log)$/i.test(name)) return found('text/plain', 'writer', 'Text (encoded):UTF8,LF,,,')
  // Fields by comma, text in quotation marks, UTF-8.
  if (/\.csv$/i.test(name)) return found('text/csv', 'calc', 'Text - txt - csv (StarCalc):44,34,76')
  return undefined
}

/** The last character may have been cut off. */
function isUtf8(head: Buffer): boolean {
  const text = head.toString('utf8')
  return !text.slice(0, -1).includes('\ufffd')
}
