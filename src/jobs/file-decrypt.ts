import { z } from 'zod'
import { checkDecryptionKeys } from '../age/keys.ts'
import { removeFiles } from '../db/file-changes.ts'
import { contentTypeOf } from '../files/content-type.ts'
import { type DecryptDeps, decryptSource } from '../files/decrypt.ts'
import { makeOfEach } from '../files/make-each.ts'
import { findSources } from '../files/sources.ts'
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
export function fileDecrypt(deps: DecryptDeps): Job {
  return defineJob({
    type: 'FileDecrypt',
    title: 'Decrypt files',
    parameters,
    secrets: ['password', 'identities'],
    results: z.object({ filesProcessed: z.number(), resultFileIds: z.array(z.string()), resultFilesCount: z.number() }),
    run: async ({ removeOriginal, ...given }, context) => {
      const { accountId } = context
      const files = await findSources(context.sql, { accountId, fileIds: given.fileIds })
      const made = await makeOfEach(deps, files, context, {
        product: ({ name }) => nameOfPlaintext(name),
        making: (file, onRead) => decryptSource(deps, { keys: given, file, onRead }, context),
      })
      return {
        kind: 'completed',
        results: { filesProcessed: files.length, ...made.results },
        commit: async (query) => {
          await made.commit(query)
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
