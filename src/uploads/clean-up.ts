import { type BrokenUpload, deleteBrokenUploads, listBrokenUploads } from '../db/upload-lists.ts'
import { type ControlDeps, remove } from '../tasks/control.ts'
import { type ClearDeps, clearSink } from './clear.ts'

const batch = 100

/**
 * Removes an account's uploads that failed or have expired, with what is left of them in their pools. Answers how many;
 * those whose pool cannot be reached stay for the sweep.
 */
export async function cleanUpUploads(deps: ControlDeps & ClearDeps, accountId: string): Promise<number> {
  let removed = 0
  for (let cursor: string | null = null; ; ) {
    const page: BrokenUpload[] = await listBrokenUploads(deps.sql, accountId, { cursor, limit: batch })
    removed += await removeAll(deps, accountId, page)
    if (page.length < batch) return removed
    cursor = page.at(-1)?.taskId ?? null
  }
}

async function removeAll(
  deps: ControlDeps & ClearDeps,
  accountId: string,
  uploads: readonly BrokenUpload[],
): Promise<number> {
  const cleared: BrokenUpload[] = []
  for (const upload of uploads) {
    if (!upload.sinkOpen || (await clearSink(deps, { ...upload, keepKey: null }))) cleared.push(upload)
  }
  // What waits for one of them, having been tried again, is cancelled with it.
  const awaited = cleared.filter((upload) => upload.isAwaited)
  for (const { taskId } of awaited) await remove(deps, { taskId, accountId })
  const others = cleared.filter((upload) => !upload.isAwaited).map(({ taskId }) => taskId)
  return awaited.length + (await deleteBrokenUploads(deps.sql, accountId, others))
}
