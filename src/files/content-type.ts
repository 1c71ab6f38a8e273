import mime from 'mime'

export const unknownType = 'application/octet-stream'

/** The media type that a file's name speaks for. */
export function contentTypeOf(name: string): string {
  return mime.getType(name) ?? unknownType
}
