/** Requests that are being handled. A cut connection ends a request, but not the tidying up that its handler has to do. */
export class UnderWay {
  readonly #work = new Set<Promise<unknown>>()

  track<Result>(work: Promise<Result>): Promise<Result> {
    this.#work.add(work)
    const forget = (): void => void this.#work.delete(work)
    work.then(forget, forget)
    return work
  }

  /** Resolves when all that was under way at the time of the call has ended, well or not. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#work)
  }
}
