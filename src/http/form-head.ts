/** How a multipart/form-data body of this request is divided (RFC 7578, RFC 2046 §5.1.1). */
export type FormFrame = {
  /** What comes before the headers of the first part when nothing precedes it. */
  opening: Buffer
  /** What ends a part's content: the line break before a boundary belongs to the boundary. */
  delimiter: Buffer
}

/** The bytes up to the first byte of the first part's content, where that part is a file; else why not. */
export type HeadVerdict = { headBytes: number } | 'more' | 'unusual'

/** Beyond this the head is unusual; well under what the form's parser takes. */
export const maxHeadBytes = 8 * 1024

const headEnd = '\r\n\r\n'
const boundaryOf = /^multipart\/form-data; ?boundary=(?:([\w!#$%&'*+.^`|~-]+)|"([ \w!#$%&'()*+,./:=?^`|~-]+)")$/i
const headerLine = /^([a-z][a-z\d-]*):([\t\x20-\x7e\x80-\xff]*)$/i
const value = String.raw`(?:"[^"\\]+"|[^\s"\\;,]+)`
const parameters = String.raw`(?:; ?\w+\*?=${value}){0,4}`
// A named file, in the plainest spelling: with this the parser may drop the part, but never take it for a field.
const fileDisposition = new RegExp(String.raw`^ ?form-data${parameters}; ?filename=${value}${parameters}$`)

/** Reads the boundary of a plainly written Content-Type; undefined of any other, which a full parser must judge. */
export function frameOf(contentType: string | undefined): FormFrame | undefined {
  const match = boundaryOf.exec(contentType ?? '')
  const boundary = match?.[1] ?? match?.[2]
  if (boundary === undefined) return undefined
  return { opening: Buffer.from(`--${boundary}\r\n`), delimiter: Buffer.from(`\r\n--${boundary}`) }
}

/**
 * Judges the beginning of a form. It answers with a length only when the first part is a file without any doubt, and
 * `more` only as long as a few bytes more can decide it.
 */
export function judgeHead({ opening, delimiter }: FormFrame, start: Buffer): HeadVerdict {
  if (!agree(opening, start)) return 'unusual'
  const end = start.indexOf(headEnd, opening.length - 2)
  const headBytes = end + headEnd.length
  if (end < 0 ? start.length > maxHeadBytes : headBytes > maxHeadBytes) return 'unusual'
  if (end < 0) return 'more'
  if (!isFile(start.toString('latin1', opening.length, end))) return 'unusual'
  // A boundary right here would share its line break with the empty line: there is then no content at all.
  const next = start.subarray(headBytes)
  const boundaryLine = delimiter.subarray(2)
  if (!agree(boundaryLine, next)) return { headBytes }
  return next.length < boundaryLine.length ? 'more' : 'unusual'
}

/** Whether the two are the same as far as both go. */
function agree(a: Buffer, b: Buffer): boolean {
  const lengthBytes = Math.min(a.length, b.length)
  return a.compare(b, 0, lengthBytes, 0, lengthBytes) === 0
}

function isFile(head: string): boolean {
  let dispositions = 0
  for (const line of head.split('\r\n')) {
    const [, name, text] = headerLine.exec(line) ?? []
    if (name === undefined || text === undefined) return false
    if (name.toLowerCase() !== 'content-disposition') continue
    if (!fileDisposition.test(text)) return false
    dispositions += 1
  }
  return dispositions === 1
}
