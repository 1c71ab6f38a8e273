import { once } from 'node:events'
import { z } from 'zod'
import { defineJob } from '../../src/tasks/define-job.ts'

/** Does nothing, and says when it began to. */
const noop = defineJob({
  type: 'BenchNoop',
  parameters: z.strictObject({}),
  results: z.object({ beganAtMs: z.number() }),
  async run() {
    return { kind: 'completed', results: { beganAtMs: Date.now() } }
  },
})

/** Waits for its signal. Both its begin and the signal are kept in a table, by this process's clock. */
const wait = defineJob({
  type: 'BenchWait',
  parameters: z.strictObject({}),
  results: z.object({}),
  async run(_parameters, { taskId, epoch, signal, sql }) {
    const signalled = signal.aborted ? Promise.resolve() : once(signal, 'abort')
    await sql`insert into bench_runs (task_id, epoch) values (${taskId}, ${epoch})`
    await signalled
    const atMs = Date.now()
    await sql`update bench_runs set signalled_at_ms = ${atMs} where task_id = ${taskId} and epoch = ${epoch}`
    throw signal.reason
  },
})

export const jobs = [noop, wait]
