/** Tells what comes again within a while from what is new. Remembers at most so many things, the ones that were new last. */
export class Recent {
  readonly #withinMs: number
  readonly #most: number
  /** A Map keeps the order of insertion: the first entry is the oldest. */
  readonly #until = new Map<string, number>()

  constructor(withinMs: number, most: number) {
    this.#withinMs = withinMs
    this.#most = most
  }

  isNew(thing: string): boolean {
    const nowMs = performance.now()
    if ((this.#until.get(thing) ?? 0) > nowMs) return false
    this.#until.delete(thing)
    this.#until.set(thing, nowMs + this.#withinMs)
    const [oldest] = this.#until.keys()
    if (this.#until.size > this.#most && oldest !== undefined) this.#until.delete(oldest)
    return true
  }
}
