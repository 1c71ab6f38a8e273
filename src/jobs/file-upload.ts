import { z } from 'zod'
import type { Workforce } from '../age/threads.ts'
import type { Sealer } from '../auth/seal.ts'
import { closeUpload } from '../db/uploads.ts'
import { defineJob, type Job } from '../tasks/define-job.ts'
import type { ClearDeps } from '../uploads/clear.ts'
import { finishUpload } from '../uploads/finish.ts'
import { refuseUploadRetry, uploadStopped, uploadWantsWorker } from '../uploads/stop.ts'
import { uploadType } from '../uploads/upload-type.ts'

/** Finishing an upload whose chunks are all there. */
export function fileUpload(deps: ClearDeps & { crypt: Workforce; sealer: Sealer | undefined }): Job {
  return defineJob({
    type: uploadType,
    title: 'Upload',
    parameters: z.object({ fileName: z.string(), fileSize: z.number(), encryptPassword: z.string().optional() }),
    secrets: ['encryptPassword'],
    results: z.object({ fileId: z.uuid() }),
    maxAttempts: 10,
    isSubmittable: false,
    run: ({ encryptPassword: password }, context) => finishUpload(deps, context, password),
    failed: async (query, { taskId, parameters: { fileName, fileSize }, failedAt, errorMessage }) => {
      await closeUpload(query, taskId, undefined)
      return {
        type: 'upload.failed',
        data: { taskId, fileName, fileSize, failedAt: failedAt.toISOString(), errorMessage },
      }
    },
    stopped: (query, task) => uploadStopped(deps, query, task),
    wantsWorker: uploadWantsWorker,
    retried: refuseUploadRetry,
  })
}
