import { LongshoreError } from './errors.ts'
import { hashBlob } from './browser-hash.ts'
import type { Source } from './platform.ts'

/** What a browser can upload. A stream is gathered first, since its size and hash are declared before it is sent. */
export type BrowserInput = Blob | ReadableStream<Uint8Array> | Uint8Array

export async function openBrowserSource(input: unknown): Promise<Source> {
  return blobSource(await blobOf(input), hashBlob)
}

async function blobOf(input: unknown): Promise<Blob> {
  if (input instanceof Blob) return input
  if (input instanceof ReadableStream) return new Response(input).blob()
  if (input instanceof Uint8Array) return new Blob([new Uint8Array(input)])
  throw new LongshoreError('INPUT_UNKNOWN', 'What can be uploaded is a File, a Blob, bytes, or a stream of bytes.')
}

/** A Blob or File as what an upload is made of. */
export function blobSource(
  blob: Blob,
  hash: (blob: Blob, options: Parameters<Source['hash']>[0]) => Promise<string>,
): Source {
  const file = blob instanceof File ? blob : undefined
  return {
    name: file?.name,
    contentType: blob.type === '' ? undefined : blob.type,
    sizeBytes: blob.size,
    fingerprint: file === undefined ? undefined : `${file.name} ${file.size} ${file.lastModified}`,
    read: async (start, end) => {
      const piece = blob.slice(start, end)
      if (piece.size === end - start) return piece
      throw new LongshoreError('SOURCE_CHANGED', 'The file is shorter than it was when the upload began.')
    },
    hash: (options) => hash(blob, options),
    close: async () => {},
  }
}
