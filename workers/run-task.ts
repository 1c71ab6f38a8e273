import type { Sealer } from '../src/auth/seal.ts'
import { type Claim, type ClaimedTask, holdClaim, releaseTask, saveCheckpoint } from '../src/db/claims.ts'
import { type Sql, transact } from '../src/db/connect.ts'
import { findResults } from '../src/db/dependencies.ts'
import type { Signals } from '../src/db/signals.ts'
import type { Log } from '../src/log.ts'
import type { Meters, RunOutcome } from '../src/metrics/meters.ts'
import {
  type Job,
  type JobContext,
  type JobOutcome,
  Permanent,
  type Registry,
  StopReason,
} from '../src/tasks/define-job.ts'
import type { Dispatcher } from '../src/tasks/dispatch.ts'
import { findReferences, resolveReferences } from '../src/tasks/references.ts'
import { openSecrets } from '../src/tasks/secrets.ts'
import { inLedger, type SpanEnd, type SpanStart, type Tracing } from '../src/tracing/tracing.ts'
import type { Claims } from './claims.ts'
import { RunProgress } from './progress.ts'
import type { BandRates } from './rates.ts'
import type { Settler } from './settle.ts'

export type RunDeps = {
  sql: Sql
  signals: Pick<Signals, 'send'>
  registry: Registry
  sealer: Sealer | undefined
  claims: Claims
  settler: Settler
  dispatcher: Pick<Dispatcher, 'claimed'>
  rates: BandRates
  meters: Pick<Meters, 'taskStarted' | 'taskRan'>
  tracing: Pick<Tracing, 'begin' | 'span'>
  log: Log
}

/** How long a run that was told to stop may take before it is left to itself. */
const graceMs = 10_000

type Outcome = JobOutcome<Record<string, unknown>>

/** Runs one delivery of a task from claim to end. Never throws: whatever happens is in the ledger or left to the sweep. */
export async function runDelivery(deps: RunDeps, delivery: { taskId: string; dispatch: number }): Promise<void> {
  const { log } = deps
  const beganAtMs = Date.now()
  try {
    const task = await deps.claims.take(delivery)
    if (!task) {
      log.debug(delivery, 'an outdated delivery')
      return
    }
    deps.dispatcher.claimed(task.band)
    const claimed = withLogOf(task, deps)
    const span = deps.tracing.begin(spanOf(task, delivery, beganAtMs))
    await span.within(async () => span.end(await runClaimed(claimed, task)))
  } catch (error) {
    log.warn({ err: error, ...delivery }, 'a delivery was given up; the task is delivered again')
  }
}

/** With a log that names the task, which is made when something is logged: most runs say nothing. */
function withLogOf({ id: taskId, epoch }: ClaimedTask, deps: RunDeps): RunDeps {
  let log: Log | undefined
  return {
    ...deps,
    get log() {
      log ??= deps.log.child({ taskId, epoch })
      return log
    },
  }
}

function spanOf(task: ClaimedTask, { dispatch }: { dispatch: number }, beganAtMs: number): SpanStart {
  return {
    name: `process ${task.type}`,
    kind: 'consumer',
    parent: task.traceparent,
    beganAtMs,
    attributes: {
      'messaging.system': 'bullmq',
      'messaging.operation.type': 'process',
      'messaging.destination.name': task.band,
      'messaging.message.id': `${task.id}-${dispatch}`,
      'longshore.task.id': task.id,
      'longshore.task.type': task.type,
      'longshore.task.attempt': task.attempts,
      'longshore.task.waited_seconds': task.waitedSeconds,
    },
  }
}

/** Answers how the run's span ends. */
async function runClaimed(deps: RunDeps, task: ClaimedTask): Promise<SpanEnd> {
  deps.rates.started(task.band, task.waitedSeconds)
  deps.meters.taskStarted(task)
  const claim: Claim = { taskId: task.id, epoch: task.epoch }
  const job = deps.registry.get(task.type)
  if (!job) {
    deps.log.error({ type: task.type }, 'this worker does not know the task type')
    await releaseTask(deps.sql, claim, { kind: 'again', delayMs: 60_000, countsAttempt: false })
    return ended('released')
  }
  if (task.attempts > job.maxAttempts) {
    // Attempts that threw are counted where they throw; this many more ended with their workers.
    return ended(await deps.settler.settleError(job, task, workersLost(task)))
  }
  const stop = new AbortController()
  const letGo = deps.claims.keep(claim, stop)
  const progress = new RunProgress(deps, task)
  const beganAtMs = performance.now()
  const note = (outcome: RunOutcome, error?: unknown): SpanEnd => {
    deps.meters.taskRan({ type: task.type, outcome, seconds: (performance.now() - beganAtMs) / 1000 })
    return ended(outcome, error)
  }
  try {
    const outcome = await deps.tracing.span({ name: 'run', kind: 'internal' }, () =>
      withinGrace(runJob(deps, job, task, stop.signal, progress), stop.signal),
    )
    await progress.close()
    await deps.tracing.span(inLedger('commit outcome'), () => deps.settler.settle(job, task, outcome))
    return note(outcome.kind === 'completed' ? 'completed' : 'released')
  } catch (error) {
    await progress.closeShort()
    const cause = stop.signal.reason instanceof StopReason ? stop.signal.reason : error
    return note(await deps.settler.settleError(job, task, cause), error)
  } finally {
    letGo()
  }
}

/** What failed for good or will be tried again is an error of the run; what was put back or taken away is none. */
function ended(outcome: RunOutcome, error?: unknown): SpanEnd {
  const isError = outcome === 'failed' || outcome === 'retried'
  return { attributes: { 'longshore.run.outcome': outcome }, error: isError ? error : undefined }
}

function workersLost({ attempts }: ClaimedTask): Permanent {
  return new Permanent(
    'WORKER_LOST',
    `The task was given up: of ${attempts - 1} attempts the last ended with its worker.`,
  )
}

async function runJob(
  deps: RunDeps,
  job: Job,
  task: ClaimedTask,
  signal: AbortSignal,
  progress: RunProgress,
): Promise<Outcome> {
  const { sql, sealer } = deps
  const claim: Claim = { taskId: task.id, epoch: task.epoch }
  const context: JobContext = {
    taskId: task.id,
    accountId: task.accountId,
    permissions: task.permissions ?? [],
    epoch: task.epoch,
    attempt: task.attempts,
    signal,
    progress: (percent, message) => progress.report(percent, message),
    checkpoint: task.checkpoint ?? undefined,
    saveCheckpoint: async (checkpoint, query = sql) => {
      if (!(await saveCheckpoint(query, claim, checkpoint))) throw new StopReason('lost')
    },
    underClaim: (work) =>
      transact(sql, async (query) => {
        if (!(await holdClaim(query, claim))) throw new StopReason('lost')
        return work(query)
      }),
    sql,
    get log() {
      return deps.log
    },
  }
  const secrets = task.hasSecrets ? await openSecrets(sql, sealer, task.id) : {}
  return job.run(withSecrets(await resolveParameters(sql, task), secrets), context)
}

function withSecrets(parameters: unknown, secrets: Record<string, unknown>): unknown {
  return typeof parameters === 'object' && parameters !== null ? { ...parameters, ...secrets } : parameters
}

/** Puts the results of earlier tasks where the parameters refer to them. */
async function resolveParameters(sql: Sql, { parameters }: ClaimedTask): Promise<unknown> {
  const taskIds = new Set(findReferences(parameters).map(({ reference }) => reference.taskId))
  if (taskIds.size === 0) return parameters
  const results = await findResults(sql, [...taskIds])
  return resolveReferences(parameters, results, ({ taskId, path }) => {
    return new Permanent('RESULT_MISSING', `Task ${taskId} gave no result "${path}", which a parameter refers to.`)
  })
}

/** A run that was told to stop and does not is left to itself after a while: its epoch will not count any more. */
function withinGrace(running: Promise<Outcome>, signal: AbortSignal): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const onAbort = (): void => {
      timer = setTimeout(() => reject(new Error(`the run ignored its signal for ${graceMs} ms`)), graceMs)
    }
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    void running.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    })
  })
}
