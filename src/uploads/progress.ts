import type { UploadProgress } from '../contract/upload.ts'
import type { Sql } from '../db/connect.ts'
import type { Signals } from '../db/signals.ts'
import { noteProgress, type UploadCount } from '../db/uploads.ts'
import type { Log } from '../log.ts'

export type ProgressDeps = { sql: Sql; signals: Pick<Signals, 'send'>; log: Log }

const tellEveryMs = 1000
const stepPercent = 5
const forgetAfterMs = 60_000

/**
 * Counts uploads' chunks in the ledger and tells everybody about it: at the first chunk, every 5 % or second, and at the
 * last. What it tells may be lost; the ledger's count is the truth.
 */
export class ProgressTracker {
  readonly #deps: ProgressDeps
  readonly #uploads = new Map<string, UploadTeller>()

  constructor(deps: ProgressDeps) {
    this.#deps = deps
  }

  /** Says that a chunk of this upload was committed by this process. Never throws and never waits. */
  received(taskId: string): void {
    const teller = this.#uploads.get(taskId) ?? new UploadTeller(this.#deps, taskId)
    if (!this.#uploads.has(taskId)) {
      this.#forgetIdle()
      this.#uploads.set(taskId, teller)
    }
    teller.received()
  }

  /** Resolves when everything received so far has been told. */
  async idle(): Promise<void> {
    await Promise.all([...this.#uploads.values()].map((teller) => teller.flush()))
  }

  #forgetIdle(): void {
    for (const [taskId, teller] of this.#uploads) if (teller.isIdle()) this.#uploads.delete(taskId)
  }
}

class UploadTeller {
  readonly #deps: ProgressDeps
  readonly #taskId: string
  /** Chunks since the last telling, and how many of them make up 5 %; the latter is known after the first telling. */
  #untold = 0
  #step = 1
  #toldAt = 0
  #timer: NodeJS.Timeout | undefined
  #telling: Promise<void> | undefined

  constructor(deps: ProgressDeps, taskId: string) {
    this.#deps = deps
    this.#taskId = taskId
  }

  isIdle(): boolean {
    return this.#untold === 0 && !this.#telling && Date.now() - this.#toldAt > forgetAfterMs
  }

  received(): void {
    this.#untold++
    this.#plan()
  }

  async flush(): Promise<void> {
    await this.#telling
    if (this.#untold > 0) this.#tell()
    await this.#telling
  }

  #plan(): void {
    if (this.#telling || this.#untold === 0) return
    const dueInMs = this.#untold >= this.#step ? 0 : this.#toldAt + tellEveryMs - Date.now()
    if (dueInMs <= 0) this.#tell()
    else this.#timer ??= setTimeout(() => this.#tell(), dueInMs)
  }

  #tell(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#untold = 0
    this.#toldAt = Date.now()
    this.#telling = this.#count().finally(() => {
      this.#telling = undefined
      this.#plan()
    })
  }

  async #count(): Promise<void> {
    const { sql, signals, log } = this.#deps
    const taskId = this.#taskId
    try {
      const count = await noteProgress(sql, taskId)
      if (!count) return
      this.#step = Math.max(1, Math.floor((count.chunksCount * stepPercent) / 100))
      const event = { type: 'upload.progress' as const, data: presentProgress(taskId, count) }
      const { accountId, epoch, poolId, chunksUploaded: counter } = count
      signals.send({ kind: 'progress', accountId, poolIds: [poolId], taskId, epoch, counter, event })
    } catch (error) {
      log.debug({ err: error, taskId }, 'upload progress could not be noted')
    }
  }
}

/** The seed's progress fields. `progress` is in percent with one decimal. */
export function presentProgress(
  taskId: string,
  count: Pick<UploadCount, 'fileName' | 'fileSizeBytes' | 'chunksUploaded' | 'chunksCount' | 'status' | 'lastActivity'>,
): UploadProgress {
  return {
    taskId,
    fileName: count.fileName,
    fileSize: count.fileSizeBytes,
    chunksUploaded: count.chunksUploaded,
    chunksTotal: count.chunksCount,
    progress: percent(count.chunksUploaded, count.chunksCount),
    status: count.status,
    lastActivity: count.lastActivity.toISOString(),
  }
}

export function percent(part: number, whole: number): number {
  // Rounded down, so that 100 is said only when everything is there.
  return whole === 0 ? 100 : Math.floor((1000 * part) / whole) / 10
}
