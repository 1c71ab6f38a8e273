import { z } from 'zod'
import { checkEncryptionKeys } from '../age/keys.ts'
import { removeFiles } from '../db/file-changes.ts'
import { unknownType } from '../files/content-type.ts'
import { type EncryptDeps, encryptSource } from '../files/encrypt.ts'
import { makeOfEach } from '../files/make-each.ts'
import { findSources } from '../files/sources.ts'
import { defineJob, type Job } from '../tasks/define-job.ts'
import { fileIds, fits } from './parameters.ts'

const parameters = z
  .strictObject({
    fileIds,
    password: z.string().max(1024).optional(),
    /** X25519 recipients: `age1…`. */
    recipients: z.array(z.string().max(200)).optional(),
    removeOriginal: z.boolean().default(false),
  })
  .superRefine(fits(checkEncryptionKeys))

/**
 * Makes an age file of each file (age-encryption.org/v1), for a password or for recipients. With `removeOriginal` the
 * originals are gone for good once all are encrypted.
 */
export function fileEncrypt(deps: EncryptDeps): Job {
  return defineJob({
    type: 'FileEncrypt',
    title: 'Encrypt files',
    parameters,
    secrets: ['password'],
    results: z.object({ filesProcessed: z.number(), resultFileIds: z.array(z.string()), resultFilesCount: z.number() }),
    run: async ({ removeOriginal, ...given }, context) => {
      const { accountId } = context
      const files = await findSources(context.sql, { accountId, fileIds: given.fileIds })
      const made = await makeOfEach(deps, files, context, {
        product: ({ name }) => ({ name: `${name}.age`, contentType: unknownType, isSealed: true }),
        making: (file, onRead) => encryptSource(deps, { keys: given, file, onRead }, context),
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
