import { z } from 'zod'
import { continueEncryption, encryptTo, scryptLogN } from '../age/encrypt.ts'
import type { EncryptionKeys } from '../age/keys.ts'
import { chunkBytes, sealedChunkBytes } from '../age/sizes.ts'
import type { Workforce } from '../age/threads.ts'
import { SealError, type Sealer } from '../auth/seal.ts'
import type { FileRow } from '../db/files.ts'
import { skipBytes } from '../front.ts'
import type { JobContext } from '../tasks/define-job.ts'
import type { Making } from './make-each.ts'
import type { OutputDeps } from './outputs.ts'
import { type SourceMark, sourceMark, SummedSource } from './summed-source.ts'

/** `sealer`: without one no key can be kept, so an encryption that was interrupted begins anew. */
export type EncryptDeps = OutputDeps & { crypt: Workforce; sealer: Sealer | undefined }

/** How far an age file is: whole chunks, and the sealed key under which the others follow. */
export type EncryptionNote = { chunks: number; sealedKey: string }

/** The same, of which the key could be opened. */
export type EncryptionStart = EncryptionNote & { key: Buffer }

type Context = Pick<JobContext, 'taskId' | 'signal'>

export type Encryption = {
  keys: EncryptionKeys
  plaintextBytes: number
  /** The plaintext from a byte on. */
  read: (startBytes: number) => AsyncIterable<Buffer>
}

/** Makes an age file of a stored one, which must be what was recorded of it. */
export function encryptSource(
  deps: EncryptDeps,
  { keys, file, onRead }: { keys: EncryptionKeys; file: FileRow; onRead: (countBytes: number) => void },
  context: Context,
): Making<{ encryption: EncryptionStart; source: SourceMark }> {
  return {
    note: z.object({ encryption: encryptionStart(deps, context), source: sourceMark }),
    parts: async function* (from) {
      const source = new SummedSource(deps, file, context, from?.source)
      // What was encrypted before is read again, but only for the sum: Node cannot keep one that is under way.
      const read = (startBytes: number) => skipBytes(source.read(onRead), startBytes)
      const encryption = { keys, plaintextBytes: file.sizeBytes, read }
      for await (const { pieces, note } of encryptionParts(deps, encryption, from?.encryption, context)) {
        yield { pieces, note: note && (() => ({ encryption: note(), source: source.mark() })) }
      }
    },
  }
}

/** What was noted, as long as its key can be opened here. */
export function encryptionStart(
  { sealer }: Pick<EncryptDeps, 'sealer'>,
  { taskId }: Pick<Context, 'taskId'>,
): z.ZodType<EncryptionStart> {
  return z.object({ chunks: z.int(), sealedKey: z.string() }).transform((note, refusal) => {
    const key = openKey(sealer, taskId, note.sealedKey)
    if (key) return { ...note, key }
    refusal.addIssue('It was sealed with another key.')
    return z.NEVER
  })
}

/** The parts of an age file, or those that are missing after what an earlier claim noted. */
export async function* encryptionParts(
  { crypt, sealer }: Pick<EncryptDeps, 'crypt' | 'sealer'>,
  { keys, plaintextBytes, read }: Encryption,
  from: EncryptionStart | undefined,
  { taskId, signal }: Context,
): AsyncGenerator<{ pieces: Buffer[]; note: (() => EncryptionNote) | undefined }> {
  const options = { signal, workforce: crypt, lendsPieces: true }
  let sealedKey = from?.sealedKey
  let coming: AsyncGenerator<Buffer>
  if (from) {
    coming = continueEncryption(from, read(from.chunks * chunkBytes), options)
  } else {
    const { encrypt, key } = await encryptTo(keys, { ...options, scryptLogN })
    sealedKey = sealer?.seal(subjectOf(taskId), Buffer.from(key).toString('base64')).toString('base64')
    coming = encrypt(read(0))
    const start = await coming.next()
    if (!start.done) yield { pieces: [start.value], note: undefined }
  }
  let chunks = from?.chunks ?? 0
  for await (const piece of coming) {
    chunks += Math.floor(piece.length / sealedChunkBytes)
    const note = sealedKey === undefined ? undefined : { chunks, sealedKey }
    // After its last chunk a file is done: nothing can follow.
    const isLast = chunks * chunkBytes >= plaintextBytes
    yield { pieces: [piece], note: isLast || note === undefined ? undefined : () => note }
  }
}

/** A sealed key of a file is not to be taken for the task's other secrets. */
function subjectOf(taskId: string): string {
  return `${taskId} file key`
}

/** Undefined when the key that sealed it is not known here any more. */
function openKey(sealer: Sealer | undefined, taskId: string, sealedKey: string): Buffer | undefined {
  try {
    const key = sealer?.open(subjectOf(taskId), Buffer.from(sealedKey, 'base64'))
    return key === undefined ? undefined : Buffer.from(key, 'base64')
  } catch (error) {
    if (error instanceof SealError) return undefined
    throw error
  }
}
