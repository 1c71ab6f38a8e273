/** What file systems allow a name to have; it also keeps the field near a kilobyte. */
const mostNameBytes = 255
const mostExtensionBytes = 32

const nameless = 'download'

/** Control characters, line and paragraph separators, and the marks that make a name read in another direction. */
const unprintable = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** What a browser does with a body: `attachment` saves it, `inline` shows it. */
export type Disposition = 'attachment' | 'inline'

/**
 * Types that no browser runs anything of: pictures of pixels, sound, films and plain text. None ends with `+xml`, which
 * would make it a document, and SVG is not among them.
 */
const shownTypes = /^(?:image\/(?:apng|avif|bmp|gif|jpeg|png|webp)|(?:audio|video)\/[\w.-]+|text\/plain)[ \t]*(?:;|$)/i

/** How a body of this type is given to whoever asks for it so: what might run is saved, whatever was asked for. */
export function allowedDisposition(asked: Disposition, contentType: string): Disposition {
  return asked === 'inline' && shownTypes.test(contentType) ? 'inline' : 'attachment'
}

/**
 * The value of `Content-Disposition` that gives a body a file's name (RFC 6266). Whatever the name holds, the value
 * is printable ASCII of bounded length, and the name it gives is a single path segment that is not made of dots alone.
 * A name that a quoted string cannot carry safely is given twice: simplified, and exactly in the encoding of RFC 8187.
 */
export function contentDisposition(disposition: Disposition, fileName: string): string {
  const name = safeName(fileName)
  const simple = simplified(name)
  const plain = `${disposition}; filename="${simple}"`
  return simple === name ? plain : `${plain}; filename*=UTF-8''${extendedValue(name)}`
}

function safeName(fileName: string): string {
  const segments = fileName.toWellFormed().split(/[/\\]/)
  const lastSegment =
    segments.map((segment) => segment.replace(unprintable, '_').trim()).findLast((s) => s !== '') ?? ''
  const shortened = shorten(lastSegment)
  return /^\.*$/.test(shortened) ? nameless : shortened
}

/** Cuts the stem, not the extension, and never inside a character. */
function shorten(name: string): string {
  if (Buffer.byteLength(name) <= mostNameBytes) return name
  const dot = name.lastIndexOf('.')
  const tail = dot > 0 ? name.slice(dot) : ''
  const extension = Buffer.byteLength(tail) <= mostExtensionBytes ? tail : ''
  let roomBytes = mostNameBytes - Buffer.byteLength(extension)
  let stem = ''
  for (const character of name) {
    roomBytes -= Buffer.byteLength(character)
    if (roomBytes < 0) break
    stem += character
  }
  return stem + extension
}

/**
 * The name in characters that every client reads alike: accents dropped, the rest replaced. Quotes and backslashes are
 * unescaped differently by different clients, and some decode a percent sign (RFC 6266 appendix D).
 */
function simplified(name: string): string {
  const base = name
    .normalize('NFD')
    .replace(/(?<=[A-Za-z])\p{Mn}+/gu, '')
    .normalize('NFC')
  // Never with the flag `i`: Unicode folds ſ to s and the Kelvin sign to k, and they would pass for ASCII.
  return base.replace(/[^\x20-\x7e]|["\\]|%(?=[0-9A-Fa-f]{2})/gu, '_')
}

/** RFC 8187 §3.2.1: percent-encodes everything but `attr-char`. */
function extendedValue(name: string): string {
  return encodeURIComponent(name).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
