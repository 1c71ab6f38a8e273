import { z } from 'zod'
import { createSealer } from '../../src/auth/seal.ts'
import { openSignals, type Signals } from '../../src/db/signals.ts'
import type { Pools } from '../../src/files/pools.ts'
import { defineJob, type Job, type JobContext, type JobOutcome, registerJobs } from '../../src/tasks/define-job.ts'
import { Claims } from '../../workers/claims.ts'
import { noMeters } from '../../src/metrics/meters.ts'
import { noTracing, type Tracing } from '../../src/tracing/tracing.ts'
import { BandRates } from '../../workers/rates.ts'
import { runDelivery } from '../../workers/run-task.ts'
import { Settler } from '../../workers/settle.ts'
import { type Ledger, openLedger, silent } from './ledger.ts'
import { until } from './system.ts'

export type Run = (
  context: JobContext<{ at: number }> & { parameters: { sum?: number | undefined } },
) => Promise<JobOutcome<Record<string, unknown>>>

/** What a worker process has, without the process and without a queue. */
export type TestWorker = {
  ledger: Ledger
  signals: Signals
  /** Runs one delivery of a task as a job of type `Test`; resolves when it is settled. Dispatch 0 unless said otherwise. */
  deliver: (taskId: string, run: Run, options?: { dispatch?: number; type?: string }) => Promise<void>
  untilRunning: (taskId: string) => Promise<unknown>
  shutDown: () => void
  close: () => Promise<void>
}

export const testSealer = createSealer([Buffer.alloc(32, 'a key for tests')])

/** Its pools are never away, unless `outageOf` says so, and nobody is told of spans. */
export async function openWorker(
  options: { outageOf?: Pools['outageOf']; tracing?: Tracing } = {},
): Promise<TestWorker> {
  const ledger = await openLedger()
  const { sql } = ledger
  const pools = { outageOf: options.outageOf ?? (async () => undefined) }
  const signals = await openSignals({ sql, listenUrl: ledger.databaseUrl, log: silent })
  const claims = new Claims({ claimSql: sql, signals, workerId: 'w', log: silent })
  return {
    ledger,
    signals,
    deliver: async (taskId, run, { dispatch = 0, type } = {}) => {
      const registry = registerJobs([jobOf(run, type)])
      const rates = new BandRates()
      const settler = new Settler({ sql, claimSql: sql, signals, registry, pools, rates, admit: () => {}, log: silent })
      const deps = {
        sql,
        signals,
        registry,
        sealer: testSealer,
        claims,
        settler,
        dispatcher: { claimed: () => {} },
        rates,
        meters: noMeters,
        tracing: options.tracing ?? noTracing,
        log: silent,
      }
      await runDelivery(deps, { taskId, dispatch })
    },
    untilRunning: (taskId) =>
      until(async () => ((await ledger.task(taskId))['status'] === 'InProgress' ? true : undefined)),
    shutDown: () => claims.shutDown(),
    close: async () => {
      claims.close()
      await signals.close()
      await ledger.close()
    },
  }
}

/** A job that is tried twice and does what `run` does. */
export function jobOf(run: Run, type = 'Test'): Job {
  return defineJob({
    type,
    parameters: z.object({ sum: z.number().optional() }),
    checkpoint: z.object({ at: z.number() }),
    results: z.record(z.string(), z.unknown()),
    maxAttempts: 2,
    run: (parameters, context) => run({ ...context, parameters }),
  })
}

export const completed: Run = async () => ({ kind: 'completed', results: { sum: 3 } })
