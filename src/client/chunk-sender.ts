import { backoffMs, isPassing, pause, reasonOf } from './backoff.ts'
import type { Door } from './chunk-door.ts'
import { LongshoreError } from './errors.ts'
import type { Gate } from './gate.ts'
import type { Parallelism } from './parallelism.ts'
import type { Source } from './platform.ts'

export type ChunkPlan = { chunkSize: number; sizeBytes: number; chunksCount: number }

export type SenderDeps = {
  source: Source
  plan: ChunkPlan
  door: Door
  gate: Gate
  parallelism: Parallelism
  giveUpAfterMs: number
  onArrived: (index: number, sizeBytes: number) => void
  /** The server says that the upload is paused: somebody else did that. Resolves when it goes on. */
  whilePaused: (signal: AbortSignal) => Promise<void>
}

/** Damage on the way passes; what is wrong every time does not. */
const damagedAtMost = 8
const damaged = new Set(['CHUNK_SIZE_MISMATCH', 'CHUNK_TORN', 'DIGEST_MISMATCH', 'STORE_REFUSED'])

/** Sends the chunks of one upload, each as often as it takes. */
export class ChunkSender {
  readonly #deps: SenderDeps
  #lastArrivalAt = performance.now()

  constructor(deps: SenderDeps) {
    this.#deps = deps
  }

  /**
   * Resolves when the chunk is there. Throws LongshoreError for what will not pass, and the last failure when nothing of the upload
   * has arrived for `giveUpAfterMs`.
   */
  async send(index: number, signal: AbortSignal): Promise<void> {
    const { source, plan, gate } = this.#deps
    const start = index * plan.chunkSize
    const end = Math.min(start + plan.chunkSize, plan.sizeBytes)
    const bytes = await source.read(start, end)
    const sizeBytes = end - start
    let failures = 0
    for (let attempt = 0; ; attempt++) {
      await gate.pass(signal)
      try {
        await this.#deps.door.send({ index, bytes, sizeBytes, attempt }, signal)
        break
      } catch (error) {
        if (signal.aborted) throw reasonOf(signal)
        if (!(error instanceof LongshoreError)) throw error
        if (error.status === 409 && error.code === 'CHUNK_ALREADY_UPLOADED') break
        if (damaged.has(error.code) && ++failures >= damagedAtMost) throw error
        await this.#afterRefusal(error, attempt, signal)
      }
    }
    this.#lastArrivalAt = performance.now()
    this.#deps.parallelism.arrived(sizeBytes)
    this.#deps.onArrived(index, sizeBytes)
  }

  /** Waits as long as the refusal asks for. Throws it when it will not pass. */
  async #afterRefusal(error: LongshoreError, attempt: number, signal: AbortSignal): Promise<void> {
    if (error.code === 'UPLOAD_PAUSED') {
      await this.#deps.whilePaused(signal)
      this.#lastArrivalAt = performance.now()
      return
    }
    if (error.code === 'CHUNK_BUSY') return pause(backoffMs(0, error.retryAfterSeconds), signal)
    if (!damaged.has(error.code)) {
      const mayPass: boolean = isPassing(error)
      if (!mayPass) throw error
      if (performance.now() - this.#lastArrivalAt > this.#deps.giveUpAfterMs) throw error
      this.#deps.parallelism.overloaded()
    }
    await pause(backoffMs(attempt, error.retryAfterSeconds), signal)
  }
}
