import { z } from 'zod'
import { decryptWith } from '../age/decrypt.ts'
import { checkDecryptionKeys } from '../age/keys.ts'
import type { Workforce } from '../age/threads.ts'
import { removeFiles } from '../db/file-changes.ts'
import { contentTypeOf } from '../files/content-type.ts'
import { makeOfEach } from '../files/make-each.ts'
import type { OutputDeps } from '../files/outputs.ts'
import { counted, findSources, readSource } from '../files/sources.ts'
import { defineJob, type Job } from '../tasks/define-job.ts'
import { fileIds, fits } from './parameters.ts'

const parameters = z
  .strictObject({
    fileIds,
    password: z.string().max(1024).optional(),
    /** X25519 identities: `AGE-SECRET-KEY-1…`. */
    identities: z.array(z.string().max(200)).optional(),
    removeOriginal: z.boolean().default(false),
  })
  .superRefine(fits(checkDecryptionKeys))

/** Makes the plaintext of each age file. What cannot be opened to its very end leaves no file. */
export function fileDecrypt(deps: OutputDeps & { crypt: Workforce }): Job {
  return defineJob({
    type: 'FileDecrypt',
    title: 'Decrypt files',
    parameters,
    secrets: ['password', 'identities'],
    results: z.object({ filesProcessed: z.number(), resultFileIds: z.array(z.string()), resultFilesCount: z.number() }),
    run: async ({ removeOriginal, ...given }, context) => {
      const { accountId, signal } = context
      const files = await findSources(context.sql, { accountId, fileIds: given.fileIds })
      const made = await makeOfEach(deps, files, context, async (file, onRead) => {
        const whole = { startBytes: 0, lengthBytes: file.sizeBytes }
        const source = counted(readSource(deps, file, whole, signal), onRead)
        return decryptWith(given, source, { signal, workforce: deps.crypt, lendsPieces: true })
      })
      return {
        kind: 'completed',
        results: { filesProcessed: files.length, ...made.results },
        commit: async (query) => {
          await made.commit(query, (file) => nameOfPlaintext(file.name))
          if (removeOriginal) await removeFiles(query, { accountId, fileIds: given.fileIds })
        },
      }
    },
  })
}

function nameOfPlaintext(name: string): { name: string; contentType: string } {
  const plain = name.replace(/\.age$/i, '') || name
  return { name: plain, contentType: contentTypeOf(plain) }
}
