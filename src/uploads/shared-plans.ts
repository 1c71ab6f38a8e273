import { z } from 'zod'
import type { Log } from '../log.ts'
import type { RedisClient } from '../queue/redis.ts'

/** What never changes in an upload's life. */
export type UploadPlan = z.infer<typeof planSchema>

/** Where plans are kept for all processes. What cannot be had in time is not there; nothing throws. */
export type SharedPlans = {
  get: (taskId: string) => Promise<UploadPlan | undefined>
  /** Is not waited for. */
  put: (plan: UploadPlan) => void
}

/** After Redis did not answer, it is not asked for so long: no chunk may wait for it again and again. */
const leftAloneMs = 2000

const planSchema = z.object({
  taskId: z.string(),
  accountId: z.string(),
  poolId: z.string(),
  fileSizeBytes: z.number(),
  chunkSizeBytes: z.number(),
  chunksCount: z.number(),
  contentType: z.string(),
})

/** Plans in Redis, each for `durationMs`. The client's `commandTimeoutMs` is how long a chunk waits for it at most. */
export function sharePlans(
  redis: Pick<RedisClient, 'get' | 'set'>,
  { prefix, durationMs, log }: { prefix: string; durationMs: number; log: Log },
): SharedPlans {
  let aloneUntilMs = 0
  const keyOf = (taskId: string) => `${prefix}:plan:${taskId}`
  const leaveAlone = (error: unknown): void => {
    aloneUntilMs = performance.now() + leftAloneMs
    log.debug({ err: error }, 'the store of upload plans is away')
  }
  return {
    get: async (taskId) => {
      if (performance.now() < aloneUntilMs) return undefined
      try {
        const text = await redis.get(keyOf(taskId))
        return text === null ? undefined : parse(text)
      } catch (error) {
        leaveAlone(error)
        return undefined
      }
    },
    put: (plan) => {
      if (performance.now() < aloneUntilMs) return
      redis.set(keyOf(plan.taskId), JSON.stringify(plan), 'PX', durationMs).catch(leaveAlone)
    },
  }
}

/** Another version of Longshore may have put it there. */
function parse(text: string): UploadPlan | undefined {
  try {
    return planSchema.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
