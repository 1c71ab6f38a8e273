const windowMs = 10_000
/** Less than this says nothing yet. */
const leastMs = 500

type Sample = { at: number; bytes: number }

/** How fast bytes come, over the last ten seconds. */
export class SpeedWindow {
  readonly #now: () => number
  readonly #samples: Sample[] = []
  #begunAt: number

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#begunAt = now()
  }

  add(bytes: number): void {
    const at = this.#now()
    const last = this.#samples.at(-1)
    // Many small pieces are kept as few.
    if (last !== undefined && at - last.at < 100) last.bytes += bytes
    else this.#samples.push({ at, bytes })
    while (this.#samples[0] !== undefined && at - this.#samples[0].at > windowMs) this.#samples.shift()
  }

  /** Begins anew: what was before a pause says nothing about what comes after it. */
  restart(): void {
    this.#samples.length = 0
    this.#begunAt = this.#now()
  }

  bytesPerSecond(): number {
    const at = this.#now()
    const from = Math.max(this.#begunAt, at - windowMs)
    const bytes = this.#samples.reduce((sum, sample) => sum + (sample.at >= from ? sample.bytes : 0), 0)
    return (bytes * 1000) / Math.max(at - from, leastMs)
  }

  /** The speed, and the seconds that so many bytes will take at it; null while nothing comes. */
  outlook(leftBytes: number): { bytesPerSecond: number; secondsLeft: number | null } {
    const bytesPerSecond = this.bytesPerSecond()
    if (leftBytes <= 0) return { bytesPerSecond, secondsLeft: 0 }
    return { bytesPerSecond, secondsLeft: bytesPerSecond === 0 ? null : leftBytes / bytesPerSecond }
  }
}
