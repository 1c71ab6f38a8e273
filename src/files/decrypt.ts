import { z } from 'zod'
import { openAge } from '../age/decrypt.ts'
import type { DecryptionKeys } from '../age/keys.ts'
import { chunkBytes, sealedChunkBytes } from '../age/sizes.ts'
import type { Workforce } from '../age/threads.ts'
import type { FileRow } from '../db/files.ts'
import type { JobContext } from '../tasks/define-job.ts'
import type { Making } from './make-each.ts'
import type { OutputDeps } from './outputs.ts'
import { sourceMark, SummedSource } from './summed-source.ts'

export type DecryptDeps = OutputDeps & { crypt: Workforce }

/** How far a plaintext is, in chunks. The key is not kept: the beginning of the file is read again, and gives it. */
const decryptionNote = z.object({ chunks: z.int(), source: sourceMark })
type DecryptionNote = z.infer<typeof decryptionNote>

/**
 * Makes the plaintext of a stored age file, which must be what was recorded of it. What is armored is interrupted only to be
 * begun anew.
 */
export function decryptSource(
  deps: DecryptDeps,
  { keys, file, onRead }: { keys: DecryptionKeys; file: FileRow; onRead: (countBytes: number) => void },
  { signal }: Pick<JobContext, 'signal'>,
): Making<DecryptionNote> {
  return {
    note: decryptionNote,
    parts: async function* (from) {
      const source = new SummedSource(deps, file, { signal }, from?.source)
      let chunks = from?.chunks ?? 0
      const options = { signal, workforce: deps.crypt, lendsPieces: true, skipChunks: chunks }
      const { plaintext, payloadStartBytes = file.sizeBytes } = await openAge(keys, source.read(onRead), options)
      for await (const piece of plaintext) {
        chunks += Math.floor(piece.length / chunkBytes)
        const done = chunks
        // After the last chunk a file is done: nothing can follow.
        const isLast = payloadStartBytes + done * sealedChunkBytes >= file.sizeBytes
        yield { pieces: [piece], note: isLast ? undefined : () => ({ chunks: done, source: source.mark() }) }
      }
    },
  }
}
