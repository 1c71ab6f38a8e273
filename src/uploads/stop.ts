import type { Query } from '../db/connect.ts'
import { closeUpload, findUpload } from '../db/uploads.ts'
import { AppError } from '../errors.ts'
import type { TaskFacts } from '../tasks/define-job.ts'
import { type ClearDeps, clearSink } from './clear.ts'

/** An upload was cancelled or has expired: ends its own half, and answers how its staging is removed after the commit. */
export async function uploadStopped(deps: ClearDeps, query: Query, task: TaskFacts): Promise<() => Promise<void>> {
  const upload = await findUpload(query, task)
  if (!upload) return async () => {}
  await closeUpload(query, task.taskId, undefined)
  return async () => void (await clearSink(deps, { ...upload, keepKey: null }))
}

/** A resumed upload wants a worker only when its chunks are all there. */
export async function uploadWantsWorker(query: Query, task: TaskFacts): Promise<boolean> {
  return (await findUpload(query, task))?.phase === 'finishing'
}

/** An upload's staging goes with its end, so there is nothing to try again. Throws STAGING_GONE. */
export async function refuseUploadRetry(_query: Query, task: TaskFacts): Promise<void> {
  throw new AppError('STAGING_GONE', 'What was uploaded is gone; create a new upload.', {
    details: { taskId: task.taskId },
  })
}
