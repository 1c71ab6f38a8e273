import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { defineJob } from '../../src/tasks/define-job.ts'

/**
 * Works for `workMs` and appends its id to a table in the final transaction. The table takes an id twice, so that an
 * effect which was applied twice can be seen.
 */
const append = defineJob({
  type: 'ChaosAppend',
  parameters: z.strictObject({ workMs: z.int().min(0) }),
  results: z.object({ epoch: z.int() }),
  // A task is given up when its worker dies at every attempt; here many do, and none of them because of it.
  maxAttempts: 50,
  async run({ workMs }, { taskId, epoch, signal }) {
    if (workMs > 0) await delay(workMs, undefined, { signal })
    return {
      kind: 'completed',
      results: { epoch },
      commit: async (query) => {
        await query`insert into chaos_effects (task_id, epoch) values (${taskId}, ${epoch})`
      },
    }
  },
})

export const jobs = [append]
