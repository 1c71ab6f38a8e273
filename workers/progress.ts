import type { TaskEvent } from '../src/contract/event.ts'
import { type Claim, type ClaimedTask, saveProgress } from '../src/db/claims.ts'
import type { Sql } from '../src/db/connect.ts'
import type { Signals } from '../src/db/signals.ts'
import type { Log } from '../src/log.ts'

const tellEveryMs = 250

/** How far one run is: kept in the ledger and told to who watches, four times a second at most. */
export class RunProgress {
  readonly #deps: { sql: Sql; signals: Pick<Signals, 'send'>; log: Log }
  readonly #task: ClaimedTask
  #percent = -1
  #message: string | undefined
  #counter = 0
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> | undefined
  #isClosed = false

  constructor(deps: { sql: Sql; signals: Pick<Signals, 'send'>; log: Log }, task: ClaimedTask) {
    this.#deps = deps
    this.#task = task
  }

  /** Never goes back, and never reaches 100: that is what the end says. */
  report(percent: number, message?: string): void {
    if (this.#isClosed || !Number.isFinite(percent)) return
    const next = Math.max(this.#percent, Math.min(99.9, Math.max(0, percent)))
    if (next === this.#percent && (message === undefined || message === this.#message)) return
    this.#percent = next
    this.#message = message ?? this.#message
    if (!this.#saving) this.#timer ??= setTimeout(() => this.#start(), this.#counter === 0 ? 0 : tellEveryMs)
  }

  /** Tells nothing any more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#saving
  }

  #start(): void {
    this.#timer = undefined
    if (this.#isClosed) return
    const told = this.#percent
    const message = this.#message
    this.#saving = this.#save(told, message).finally(() => {
      this.#saving = undefined
      const isStale = told !== this.#percent || message !== this.#message
      if (isStale && !this.#isClosed) this.#timer ??= setTimeout(() => this.#start(), tellEveryMs)
    })
  }

  async #save(percent: number, message: string | undefined): Promise<void> {
    const { id: taskId, accountId, poolIds, name, type, epoch } = this.#task
    const claim: Claim = { taskId, epoch }
    try {
      if (!(await saveProgress(this.#deps.sql, claim, { percent, message: message ?? null }))) return
      const data = {
        taskId,
        name,
        type,
        status: 'InProgress' as const,
        progress: Math.round(percent * 10) / 10,
        statusMessage: message ?? null,
        lastActivity: new Date().toISOString(),
      }
      const event: Extract<TaskEvent, { type: 'task.progress' }> = { type: 'task.progress', data }
      this.#deps.signals.send({ kind: 'progress', accountId, poolIds, taskId, epoch, counter: ++this.#counter, event })
    } catch (error) {
      this.#deps.log.debug({ err: error }, 'progress could not be kept')
    }
  }
}
