import { type Claim, type ClaimedTask, completeTasks, endTask, type Release, releaseTask } from '../src/db/claims.ts'
import { isDatabaseUnavailable, type Query, type Sql, transact } from '../src/db/connect.ts'
import { appendEvent } from '../src/db/events.ts'
import type { Signals } from '../src/db/signals.ts'
import { AppError } from '../src/errors.ts'
import type { Pools } from '../src/files/pools.ts'
import type { Log } from '../src/log.ts'
import type { RunOutcome } from '../src/metrics/meters.ts'
import { type Job, type JobOutcome, Permanent, type Registry, StopReason } from '../src/tasks/define-job.ts'
import { cancelDependents, releaseWaiting } from '../src/tasks/end.ts'
import { forgetSecrets } from '../src/tasks/secrets.ts'
import { roundsAtOnce } from './claims.ts'
import { createGroup, type Group } from './group.ts'
import type { BandRates } from './rates.ts'

export type SettleDeps = {
  sql: Sql
  /** Where groups are completed: sessions for look-ups by id. */
  claimSql: Sql
  signals: Pick<Signals, 'send'>
  registry: Registry
  pools: Pick<Pools, 'outageOf'>
  /** Asks for waiting tasks to be delivered. */
  admit: () => void
  rates: BandRates
  log: Log
}

type Completed = Extract<JobOutcome<Record<string, unknown>>, { kind: 'completed' }>
type Completion = Claim & { results: Record<string, unknown> }

/** How long a run rests that lost the ledger; it was not its fault, so the attempt does not count. */
const ledgerRestMs = 1000
/** The same for a pool that is away: the longer it is, the longer, but somebody waits for it to come back. */
const poolRestMs = { least: 1000, most: 60_000 }
const maxResultsBytes = 256 * 1024

/**
 * Writes what became of runs. What only says "completed", and that nobody waits for, is committed in groups; everything else
 * by itself.
 */
export class Settler {
  readonly #deps: SettleDeps
  readonly #completing: Group<Completion, boolean>

  constructor(deps: SettleDeps) {
    this.#deps = deps
    this.#completing = createGroup((completions) => this.#completeAll(completions), roundsAtOnce)
  }

  /** Throws StopReason when the claim was lost, and then nothing of the outcome is kept. */
  async settle(job: Job, task: ClaimedTask, outcome: JobOutcome<Record<string, unknown>>): Promise<void> {
    const claim: Claim = { taskId: task.id, epoch: task.epoch }
    if (outcome.kind === 'parked') {
      await transact(this.#deps.sql, async (query) => {
        if (!(await releaseTask(query, claim, { kind: 'parked' }))) throw new StopReason('lost')
        await outcome.commit(query)
      })
      this.#announce(task.id)
      return
    }
    refuseLargeResults(job, outcome.results)
    const isPlain = !outcome.commit && !outcome.event && !task.hasSecrets
    if (!isPlain || !(await this.#completing({ ...claim, results: outcome.results }))) {
      await this.#completeAlone(task, outcome)
    }
    this.#deps.rates.count(task.band, 'completed')
    this.#announce(task.id)
    await outcome.after?.()
  }

  /** Puts a task back, or ends it, after its run threw. Answers what became of the run. */
  async settleError(job: Job, task: ClaimedTask, error: unknown): Promise<RunOutcome> {
    const outcome = await this.#settleFailure(job, task, error)
    this.#announce(task.id)
    this.#deps.admit()
    return outcome
  }

  async #settleFailure(job: Job, task: ClaimedTask, error: unknown): Promise<RunOutcome> {
    const { log } = this.#deps
    const claim: Claim = { taskId: task.id, epoch: task.epoch }
    if (error instanceof StopReason) {
      log.info({ ...claim, why: error.why }, 'a run was stopped')
      const released = await this.#releaseStopped(claim, error)
      if (!released) await this.#release(claim, { kind: 'dropped' })
      return error.why === 'lost' ? 'lost' : 'released'
    }
    if (isDatabaseUnavailable(error)) {
      log.warn({ err: error, ...claim }, 'a run lost the ledger and will be tried again')
      await this.#release(claim, { kind: 'again', delayMs: ledgerRestMs, countsAttempt: false })
      return 'released'
    }
    if (await this.#waitForPool(claim, error)) return 'released'
    if (isFinal(error) || task.attempts >= job.maxAttempts) {
      log.warn({ err: error, ...claim, attempts: task.attempts }, 'a task failed for good')
      await this.#fail(job, task, error)
      this.#deps.rates.count(task.band, 'failed')
      return 'failed'
    }
    await this.#backOff(task, error)
    return 'retried'
  }

  /** Puts a task back whose pool cannot be used, which is not its fault. False when it failed of something else. */
  async #waitForPool(claim: Claim, error: unknown): Promise<boolean> {
    const outage = await this.#deps.pools.outageOf(error)
    if (!outage) return false
    const restMs = Math.min(poolRestMs.most, Math.max(poolRestMs.least, outage.lastsMs))
    const delayMs = restMs * (0.75 + Math.random() / 4)
    const facts = { err: error, ...claim, poolId: outage.poolId, delayMs }
    this.#deps.log.warn(facts, 'a run could not use its pool and waits for it')
    await transact(this.#deps.sql, (query) => putBack(query, claim, { delayMs, countsAttempt: false }))
    return true
  }

  async #releaseStopped(claim: Claim, { why }: StopReason): Promise<boolean> {
    if (why === 'shutdown') return this.#release(claim, { kind: 'again', delayMs: 0, countsAttempt: false })
    // A run that calls a claim lost that stands is wrong, and would be so again at once.
    return why === 'lost' && this.#release(claim, { kind: 'again', delayMs: ledgerRestMs, countsAttempt: true })
  }

  #release(claim: Claim, release: Release): Promise<boolean> {
    return transact(this.#deps.sql, (query) => releaseTask(query, claim, release))
  }

  async #completeAll(completions: readonly Completion[]): Promise<boolean[]> {
    const completed = await completeTasks(this.#deps.claimSql, completions)
    const epochs = new Map(completed.map((row) => [row.id, row.epoch]))
    return completions.map((one) => epochs.get(one.taskId) === one.epoch)
  }

  async #completeAlone(task: ClaimedTask, outcome: Completed): Promise<void> {
    const freed = await transact(this.#deps.sql, async (query) => {
      const claim: Claim = { taskId: task.id, epoch: task.epoch }
      const ended = await endTask(query, claim, { status: 'Completed', results: outcome.results })
      if (!ended) throw new StopReason('lost')
      await outcome.commit?.(query)
      if (task.hasSecrets) await forgetSecrets(query, task.id)
      const { id: taskId, name, type } = task
      const data = { taskId, name, type, completedAt: ended.endedAt.toISOString(), results: outcome.results }
      await appendEvent(query, { taskId, ...(outcome.event?.(ended.endedAt) ?? { type: 'task.completed', data }) })
      return ended.isAwaited && releaseWaiting(query, [taskId])
    })
    if (freed) this.#deps.admit()
  }

  async #fail(job: Job, task: ClaimedTask, error: unknown): Promise<void> {
    const afterwards = await transact(this.#deps.sql, (query) => this.#failIn(query, job, task, error))
    for (const taskId of afterwards?.stoppedIds ?? []) this.#announce(taskId)
    for (const step of afterwards?.run ?? []) await step()
  }

  async #failIn(query: Query, job: Job, task: ClaimedTask, error: unknown) {
    const { id: taskId, accountId, name, type, parameters, epoch } = task
    const { errorCode, errorMessage } = describeFailure(error)
    const ended = await endTask(query, { taskId, epoch }, { status: 'Failed', errorCode, errorMessage })
    if (!ended) return undefined
    const facts = { taskId, accountId, name, type, parameters, errorMessage, failedAt: ended.endedAt }
    await appendEvent(query, { taskId, ...(await job.failed(query, facts)) })
    return ended.isAwaited ? cancelDependents(query, this.#deps.registry, taskId, 'Failed') : undefined
  }

  async #backOff(task: ClaimedTask, error: unknown): Promise<void> {
    const { log, sql } = this.#deps
    const delayMs = backoffMs(task.attempts)
    const { id: taskId, epoch, name, type, attempts } = task
    const released = await transact(sql, async (query) => {
      const claim: Claim = { taskId, epoch }
      if (!(await putBack(query, claim, { delayMs, countsAttempt: true }))) return false
      const retriedAt = new Date().toISOString()
      const { errorMessage } = describeFailure(error)
      await appendEvent(query, {
        taskId,
        type: 'task.retried',
        data: { taskId, name, type, retriedAt, attempt: attempts + 1, errorMessage },
      })
      return true
    })
    const facts = { err: error, taskId, epoch, attempts }
    if (released) log.warn({ ...facts, delayMs }, 'a run failed and will be tried again')
    else log.info(facts, 'a run failed whose claim was lost before; it counts for nothing')
  }

  #announce(taskId: string): void {
    this.#deps.signals.send({ kind: 'events' })
    this.#deps.signals.send({ kind: 'task', taskId })
  }
}

/** False when there is nothing to be put back. */
async function putBack(
  query: Query,
  claim: Claim,
  rest: { delayMs: number; countsAttempt: boolean },
): Promise<boolean> {
  if (await releaseTask(query, claim, { kind: 'again', ...rest })) return true
  // Paused or stopped as it failed: a claim that was kept would hold up whoever resumes it.
  await releaseTask(query, claim, { kind: 'dropped' })
  return false
}

/** What the task itself asks for cannot be done; to try again would not help. */
function isFinal(error: unknown): boolean {
  return error instanceof Permanent || (error instanceof AppError && error.status < 500)
}

function refuseLargeResults(job: Job, results: Record<string, unknown>): void {
  const sizeBytes = Buffer.byteLength(JSON.stringify(results))
  if (sizeBytes <= maxResultsBytes) return
  throw new Permanent(
    'RESULTS_TOO_LARGE',
    `The results of ${job.type} have ${sizeBytes} bytes; ${maxResultsBytes} are allowed.`,
  )
}

/** What the owner is shown. Only errors that were written for people are quoted. */
function describeFailure(error: unknown): { errorCode: string; errorMessage: string } {
  if (error instanceof Permanent || error instanceof AppError) {
    return { errorCode: error.code, errorMessage: error.message }
  }
  return { errorCode: 'INTERNAL', errorMessage: 'The task failed for a reason inside the server; its log tells more.' }
}

/** Half a second, doubled per attempt up to 30 s, of which a random half is taken off so that retries spread. */
function backoffMs(attempts: number): number {
  return Math.min(30_000, 500 * 2 ** (attempts - 1)) * (0.5 + Math.random() / 2)
}
