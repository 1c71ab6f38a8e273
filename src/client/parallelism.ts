/** How many chunks are sent at once: a number, or bounds to find the best within. */
export type Parallel = number | { min?: number; max?: number }

/**
 * Finds how many chunks to send at once by what comes of it, in rounds of as many chunks as are under way: one more as long as the
 * last one made it faster by a twentieth, one fewer when it did not (additive), and half as many when the server or the network
 * says that it is too much (multiplicative decrease). It tries one more again now and then, because networks change.
 */
export class Parallelism {
  readonly #min: number
  readonly #max: number
  readonly #now: () => number
  #limit: number
  #roundBegunAt: number
  #roundBytes = 0
  #roundChunks = 0
  /** Bytes per second of the round before, and what was done after it. */
  #lastRate = 0
  #lastStep: -1 | 0 | 1 = 0
  #calmRounds = 0

  constructor(parallel: Parallel | undefined, mostParallel: number, now: () => number = () => performance.now()) {
    const { min = 1, max = mostParallel } =
      typeof parallel === 'number' ? { min: parallel, max: parallel } : (parallel ?? {})
    this.#min = Math.max(1, Math.floor(min))
    this.#max = Math.max(this.#min, Math.floor(max))
    this.#limit = Math.min(Math.max(2, this.#min), this.#max)
    this.#now = now
    this.#roundBegunAt = now()
  }

  get limit(): number {
    return this.#limit
  }

  /** A chunk has arrived. */
  arrived(bytes: number): void {
    this.#roundBytes += bytes
    if (++this.#roundChunks < this.#limit * 2) return
    const rate = (this.#roundBytes * 1000) / Math.max(1, this.#now() - this.#roundBegunAt)
    this.#step(this.#direction(rate))
    this.#lastRate = rate
    this.#beginRound()
  }

  /** A chunk did not, because too much was asked of the server or the network. */
  overloaded(): void {
    this.#limit = Math.max(this.#min, Math.floor(this.#limit / 2))
    this.#lastRate = 0
    this.#lastStep = 0
    this.#beginRound()
  }

  /** What was measured while nothing was to be sent says nothing. */
  restart(): void {
    this.#lastRate = 0
    this.#beginRound()
  }

  #direction(rate: number): -1 | 0 | 1 {
    if (this.#lastRate === 0) return 1
    if (this.#lastStep === 1) return rate > this.#lastRate * 1.05 ? 1 : -1
    if (rate < this.#lastRate * 0.8) return -1
    return ++this.#calmRounds % 4 === 0 ? 1 : 0
  }

  #step(direction: -1 | 0 | 1): void {
    const limit = Math.min(this.#max, Math.max(this.#min, this.#limit + direction))
    this.#lastStep = limit === this.#limit ? 0 : direction
    this.#limit = limit
  }

  #beginRound(): void {
    this.#roundBegunAt = this.#now()
    this.#roundBytes = 0
    this.#roundChunks = 0
  }
}
