import type { TaskEvent } from '../src/contract/event.ts'
import { type Claim, type ClaimedTask, saveProgress } from '../src/db/claims.ts'
import type { Sql } from '../src/db/connect.ts'
import type { Signals } from '../src/db/signals.ts'
import type { Log } from '../src/log.ts'

/** A step of so many percent is told as soon as the ledger may be asked again, anything less within a second. */
const stepPercent = 5
const stepEveryMs = 250
const tellEveryMs = 1000

/**
 * How far one run is: kept in the ledger and told to who watches, at the first report, every 5 % or second, and as it stops
 * short of its end.
 */
export class RunProgress {
  readonly #deps: { sql: Sql; signals: Pick<Signals, 'send'>; log: Log }
  readonly #task: ClaimedTask
  #percent = -1
  #message: string | undefined
  #told: { percent: number; message: string | undefined; atMs: number } | undefined
  #counter = 0
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> | undefined
  #isClosed = false

  constructor(deps: { sql: Sql; signals: Pick<Signals, 'send'>; log: Log }, task: ClaimedTask) {
    this.#deps = deps
    this.#task = task
  }

  /** Never goes back, not behind an earlier claim either, and never reaches 100: that is what the end says. */
  report(percent: number, message?: string): void {
    if (this.#isClosed || !Number.isFinite(percent)) return
    this.#percent = Math.max(this.#percent, Math.min(99.9, Math.max(this.#task.progress, percent)))
    this.#message = message ?? this.#message
    this.#plan()
  }

  /** Tells nothing any more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#saving
  }

  /** Tells the last that was reported, for a run that does not complete; then as `close`. */
  async closeShort(): Promise<void> {
    await this.close()
    if (this.#isStale()) await this.#tell()
  }

  #isStale(): boolean {
    return this.#percent >= 0 && (this.#told?.percent !== this.#percent || this.#told.message !== this.#message)
  }

  #plan(): void {
    if (this.#isClosed || this.#saving !== undefined || !this.#isStale()) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#saving = this.#tell().finally(() => {
        this.#saving = undefined
        this.#plan()
      })
    }, this.#dueInMs())
  }

  #dueInMs(): number {
    if (this.#told === undefined) return 0
    const everyMs = this.#percent - this.#told.percent >= stepPercent ? stepEveryMs : tellEveryMs
    return Math.max(0, this.#told.atMs + everyMs - performance.now())
  }

  #tell(): Promise<void> {
    this.#told = { percent: this.#percent, message: this.#message, atMs: performance.now() }
    return this.#save(this.#percent, this.#message)
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
