import { z } from 'zod'
import type { CreateUploadResponse } from '../contract/upload.ts'
import type { Query } from '../db/connect.ts'
import { findFile } from '../db/files.ts'
import { findUpload } from '../db/uploads.ts'
import { presentFile } from '../files/get.ts'
import { openChallenge } from './challenge.ts'
import { createdGone, earlierAnswer, type KeyedRequest } from '../tasks/idempotency.ts'

/** What is kept of a creation under its Idempotency-Key: what it made. */
export type CreatedUpload = { taskId: string } | { fileId: string }

const kept = z.union([z.object({ taskId: z.string() }), z.object({ fileId: z.string() })])

/**
 * The answer to a repeated creation: the plan of the upload that the first one began, however far that is, or the file that
 * it made. Undefined for a first one. Throws IDEMPOTENCY_KEY_REUSED, and CREATED_GONE when upload or file were deleted.
 */
export async function earlierCreation(query: Query, keyed: KeyedRequest): Promise<CreateUploadResponse | undefined> {
  const answer = await earlierAnswer(query, keyed)
  if (answer === undefined) return undefined
  const created: CreatedUpload = kept.parse(answer)
  const { accountId } = keyed
  if ('fileId' in created) {
    const file = await findFile(query, { id: created.fileId, accountId })
    if (!file) throw createdGone(created)
    return { fileExists: true, file: presentFile(file) }
  }
  const upload = await findUpload(query, { taskId: created.taskId, accountId })
  if (!upload) throw createdGone(created)
  const { taskId, chunkSizeBytes: chunkSize, chunksCount } = upload
  const challenge = await openChallenge(query, taskId)
  return { fileExists: false, taskId, chunkSize, chunksCount, ...(challenge ? { challenge } : {}) }
}
