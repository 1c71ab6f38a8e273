import type { TaskStatus } from '../src/contract/task.ts'
import { type Claim, type ClaimedTask, claimTasks, renewLeases } from '../src/db/claims.ts'
import type { Sql } from '../src/db/connect.ts'
import type { Signals } from '../src/db/signals.ts'
import type { Log } from '../src/log.ts'
import { StopReason } from '../src/tasks/define-job.ts'
import { createGroup, type Group } from './group.ts'

const heartbeatMs = 1000
/** While the ledger works at one group, this process makes up the next. */
export const roundsAtOnce = 2

type Delivered = { taskId: string; dispatch: number }
type Kept = { claim: Claim; stop: AbortController; off: () => void }

/** The claims of one worker process: takes them in groups, and renews their leases in one statement a second. */
export class Claims {
  readonly #signals: Pick<Signals, 'onTask'>
  readonly #log: Log
  readonly #kept = new Set<Kept>()
  readonly #taking: Group<Delivered, ClaimedTask | undefined>
  readonly #asking: Group<Claim, TaskStatus | undefined>
  readonly #timer: NodeJS.Timeout
  #isShuttingDown = false

  /** `claimSql`: sessions for look-ups by id; groups of claims use two, one of renewals a third. */
  constructor({
    claimSql,
    signals,
    workerId,
    log,
  }: { claimSql: Sql; signals: Pick<Signals, 'onTask'>; workerId: string; log: Log }) {
    this.#signals = signals
    this.#log = log
    this.#taking = createGroup(async (deliveries) => {
      const tasks = await claimTasks(claimSql, workerId, deliveries)
      const claimed = new Map(tasks.map((task) => [task.id, task]))
      return deliveries.map((one) => {
        const task = claimed.get(one.taskId)
        if (task?.dispatch !== one.dispatch) return undefined
        // The same delivery may have come twice: one claim is for one run.
        claimed.delete(one.taskId)
        return task
      })
    }, roundsAtOnce)
    this.#asking = createGroup((claims) => renewLeases(claimSql, claims))
    this.#timer = setInterval(() => void this.#beat(), heartbeatMs)
  }

  /** Claims a task for a delivery. Undefined when the delivery is outdated or somebody holds the task. */
  take(delivery: Delivered): Promise<ClaimedTask | undefined> {
    return this.#taking(delivery)
  }

  /** Keeps a claim alive until the answer is called, and aborts `stop` when it must not go on. */
  keep(claim: Claim, stop: AbortController): () => void {
    const kept: Kept = { claim, stop, off: this.#signals.onTask(claim.taskId, () => void this.#renew([kept])) }
    this.#kept.add(kept)
    if (this.#isShuttingDown) stop.abort(new StopReason('shutdown'))
    return () => {
      kept.off()
      this.#kept.delete(kept)
    }
  }

  /** Has all runs stop, and those that are still to come: others will go on with their tasks. */
  shutDown(): void {
    this.#isShuttingDown = true
    for (const { stop } of this.#kept) stop.abort(new StopReason('shutdown'))
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #beat(): Promise<void> {
    await this.#renew([...this.#kept])
  }

  async #renew(kept: readonly Kept[]): Promise<void> {
    try {
      await Promise.all(
        kept.map(async (one) => {
          const cause = stopCause(await this.#asking(one.claim))
          // It may have been released while the ledger was asked.
          if (cause !== undefined && this.#kept.has(one)) one.stop.abort(new StopReason(cause))
        }),
      )
    } catch (error) {
      // The ledger is away. Either the leases outlive that, or the next beat finds them lost.
      this.#log.debug({ err: error }, 'heartbeat failed')
    }
  }
}

function stopCause(status: TaskStatus | undefined): 'paused' | 'cancelled' | 'expired' | 'lost' | undefined {
  switch (status) {
    case 'InProgress':
      return undefined
    // Pending: it was paused and resumed before this worker heard of it.
    case 'Paused':
    case 'Pending':
      return 'paused'
    case 'Cancelled':
      return 'cancelled'
    case 'Expired':
      return 'expired'
    case 'Completed':
    case 'Failed':
    case undefined:
      return 'lost'
  }
}
