import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import type { Sql } from '../../src/db/connect.ts'
import { defineJob } from '../../src/tasks/define-job.ts'

/**
 * Works for `workMs`, or until the gate it is told of is open, and appends its id to a table in the final transaction. The
 * table takes an id twice, so that an effect which was applied twice can be seen.
 */
const append = defineJob({
  type: 'ChaosAppend',
  parameters: z.strictObject({ workMs: z.int().min(0), gate: z.string().optional() }),
  results: z.object({ epoch: z.int() }),
  // A task is given up when its worker dies at every attempt; here many do, and none of them because of it.
  maxAttempts: 50,
  async run({ workMs, gate }, { taskId, epoch, signal, sql }) {
    if (workMs > 0) await delay(workMs, undefined, { signal })
    if (gate !== undefined) await untilOpen(sql, gate, signal)
    return {
      kind: 'completed',
      results: { epoch },
      commit: async (query) => {
        await query`insert into chaos_effects (task_id, epoch) values (${taskId}, ${epoch})`
      },
    }
  },
})

/** A gate is closed as long as its row is there. */
async function untilOpen(sql: Sql, gate: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const rows = await sql`select 1 from chaos_gates where name = ${gate}`
    if (rows.length === 0) return
    await delay(200, undefined, { signal })
  }
}

export const jobs = [append]
