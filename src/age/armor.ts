import { AppError } from '../errors.ts'

// The ASCII armor of c2sp.org/age: strict PEM (RFC 7468) with lines of 64 columns, and white space around it alone.

const beginLine = '-----BEGIN AGE ENCRYPTED FILE-----'
const endLine = '-----END AGE ENCRYPTED FILE-----'
const fullLine = /^[A-Za-z0-9+/]{64}$/
const lastLine = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
const columns = 64
/** Decoding this much holds the event loop up for about a millisecond. */
const sliceBytes = 64 * 1024
/** Nothing in an armor is longer than its end line; white space may be. */
const maxLineCharacters = 1024

/** Whether a file that begins like this is an armored age file. */
export function isArmored(start: Buffer): boolean {
  return start.toString('latin1').trimStart().startsWith(beginLine)
}

/** The binary file inside an armor. Throws DECRYPT_TRUNCATED without an end line, DECRYPT_TAMPERED for a bad one. */
export async function* unarmor(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const reader = new ArmorReader()
  let unfinished = ''
  for await (const piece of source) {
    for (let startBytes = 0; startBytes < piece.length; startBytes += sliceBytes) {
      const lines = (unfinished + piece.toString('latin1', startBytes, startBytes + sliceBytes)).split('\n')
      unfinished = lines.pop() ?? ''
      if (unfinished.length > maxLineCharacters) throw damaged('a line is too long')
      const decoded = reader.read(lines)
      if (decoded.length > 0) yield decoded
    }
  }
  // The last line needs no line feed, but only a whole one is a line.
  if (reader.hasEnded || unfinished === endLine) reader.read([unfinished])
  if (!reader.hasEnded)
    throw new AppError('DECRYPT_TRUNCATED', 'The armored file was cut off: its end line is missing.')
}

class ArmorReader {
  #expects: 'begin' | 'line' | 'end line' | 'nothing' = 'begin'

  get hasEnded(): boolean {
    return this.#expects === 'nothing'
  }

  /** What these lines hold. */
  read(lines: readonly string[]): Buffer {
    const encoded = lines.map((line) => this.#encoded(line.endsWith('\r') ? line.slice(0, -1) : line))
    return Buffer.from(encoded.join(''), 'base64')
  }

  #encoded(line: string): string {
    switch (this.#expects) {
      case 'begin':
        if (line.trimStart() === beginLine) this.#expects = 'line'
        else if (line.trim() !== '') throw damaged('its first line has more than it should')
        return ''
      case 'nothing':
        if (line.trim() !== '') throw damaged('something follows its end line')
        return ''
      case 'line':
      case 'end line':
        return this.#body(line)
    }
  }

  #body(line: string): string {
    if (line === endLine) {
      this.#expects = 'nothing'
      return ''
    }
    if (this.#expects === 'line' && fullLine.test(line)) return line
    if (this.#expects === 'end line' || line === '' || line.length > columns || !isLastLine(line)) {
      throw damaged('it has a line that is not one of Base64')
    }
    this.#expects = 'end line'
    return line
  }
}

/** Canonical Base64 (RFC 4648, section 3.5): what is left over in the last character must be zero. */
function isLastLine(line: string): boolean {
  return lastLine.test(line) && Buffer.from(line, 'base64').toString('base64') === line
}

function damaged(what: string): AppError {
  return new AppError('DECRYPT_TAMPERED', `The armored file is damaged: ${what}.`)
}
