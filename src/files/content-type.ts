import mime from 'mime'

export const unknownType = 'application/octet-stream'
/** Registered (RFC 8878), and not in the library's list. */
const zstdNames = /\.t?zst$/i

/** The media type that a file's name speaks for. */
export function contentTypeOf(name: string): string {
  if (zstdNames.test(name)) return 'application/zstd'
  return mime.getType(name) ?? unknownType
}
