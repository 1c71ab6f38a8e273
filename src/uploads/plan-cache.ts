import type { Sql } from '../db/connect.ts'
import { findUpload } from '../db/uploads.ts'
import { AppError } from '../errors.ts'
import type { ChunkSlot } from '../storage/contract.ts'
import type { SharedPlans, UploadPlan } from './shared-plans.ts'

export type PlanCache = {
  /** Throws TASK_NOT_FOUND, also for another account's upload. */
  find: (wanted: { taskId: string; accountId: string }) => Promise<UploadPlan>
}

const maxPlans = 10_000

/**
 * Keeps uploads' plans for `durationMs`, so that a chunk need not ask for them: in memory after their last use, and in what
 * all processes share where there is such a place. Whatever can change (state, received chunks, the sink) is asked of the
 * ledger with the chunk's lease and never kept here; so is whose the upload is, once more.
 */
export function createPlanCache(
  sql: Sql,
  { durationMs, shared }: { durationMs: number; shared: SharedPlans | undefined },
): PlanCache {
  const plans = new Map<string, { plan: UploadPlan; until: number }>()

  const keep = (plan: UploadPlan): void => {
    // A Map keeps the order of insertion: the first entry is the one that was used longest ago.
    plans.delete(plan.taskId)
    plans.set(plan.taskId, { plan, until: Date.now() + durationMs })
    const [oldest] = plans.keys()
    if (plans.size > maxPlans && oldest !== undefined) plans.delete(oldest)
  }
  const own = (taskId: string): UploadPlan | undefined => {
    const kept = plans.get(taskId)
    return kept && kept.until > Date.now() ? kept.plan : undefined
  }
  const load = async (wanted: { taskId: string; accountId: string }): Promise<UploadPlan> => {
    const upload = await findUpload(sql, wanted)
    if (!upload) throw uploadNotFound(wanted.taskId)
    const { taskId, accountId, poolId, fileSizeBytes, chunkSizeBytes, chunksCount, contentType } = upload
    const plan = { taskId, accountId, poolId, fileSizeBytes, chunkSizeBytes, chunksCount, contentType }
    shared?.put(plan)
    return plan
  }

  return {
    find: async ({ taskId, accountId }) => {
      const kept = own(taskId) ?? (await shared?.get(taskId))
      // What is kept for another account decides nothing: the ledger does.
      const plan = kept?.accountId === accountId ? kept : await load({ taskId, accountId })
      keep(plan)
      return plan
    },
  }
}

export function uploadNotFound(taskId: string): AppError {
  return new AppError('TASK_NOT_FOUND', 'There is no such upload.', { details: { taskId } })
}

/** Where a chunk lies in the file. Throws CHUNK_INDEX_INVALID. */
export function slotOf(plan: UploadPlan, index: number): ChunkSlot {
  if (!Number.isSafeInteger(index) || index < 0 || index >= plan.chunksCount) {
    const message =
      plan.chunksCount === 0
        ? 'The file is empty: it has no chunks; complete the upload.'
        : `The chunk index must be a whole number from 0 to ${plan.chunksCount - 1}.`
    throw new AppError('CHUNK_INDEX_INVALID', message, { details: { chunksCount: plan.chunksCount } })
  }
  const offsetBytes = index * plan.chunkSizeBytes
  return { index, offsetBytes, sizeBytes: Math.min(plan.chunkSizeBytes, plan.fileSizeBytes - offsetBytes) }
}
