import { z } from 'zod'
import { type DecompressDeps, decompressFile } from '../files/decompress.ts'
import { findSources } from '../files/sources.ts'
import { defineJob, type Job } from '../tasks/define-job.ts'
import { requireBundle, uuid } from './parameters.ts'

/** Unpacks an archive. Of one that cannot be unpacked to its end there is no file. */
export function fileDecompress(deps: DecompressDeps): Job {
  return defineJob({
    type: 'FileDecompress',
    title: 'Unpack an archive',
    parameters: z.strictObject({
      fileId: uuid,
      targetPoolId: uuid.optional(),
      targetBundleId: uuid.nullish(),
      /** Opens nothing: an encrypted archive is refused, ARCHIVE_ENCRYPTED, with a password or without. */
      password: z.string().max(1024).optional(),
    }),
    secrets: ['password'],
    results: z.object({ filesProcessed: z.number(), resultFileIds: z.array(z.string()), resultFilesCount: z.number() }),
    run: async ({ fileId, targetPoolId, targetBundleId }, context) => {
      const { sql, accountId } = context
      const [archive] = await findSources(sql, { accountId, fileIds: [fileId] })
      if (archive === undefined) throw new Error('a source is there or findSources throws')
      const bundleId = targetBundleId === undefined ? archive.bundleId : targetBundleId
      if (bundleId !== null) await requireBundle(sql, { id: bundleId, accountId })
      const poolId = targetPoolId ?? archive.poolId
      const { results, commit } = await decompressFile(deps, { archive, poolId, bundleId }, context)
      return { kind: 'completed', results: { filesProcessed: results.resultFilesCount, ...results }, commit }
    },
  })
}
