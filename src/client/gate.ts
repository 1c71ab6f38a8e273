import { reasonOf } from './backoff.ts'

/** Open or shut; who comes while it is shut waits until it is opened. */
export class Gate {
  #waiting: (() => void)[] = []
  #isOpen = true

  get isOpen(): boolean {
    return this.#isOpen
  }

  shut(): void {
    this.#isOpen = false
  }

  open(): void {
    this.#isOpen = true
    for (const goOn of this.#waiting.splice(0)) goOn()
  }

  /** Resolves when it is open. Rejects with the signal's reason when that fires before. */
  async pass(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#isOpen) return
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => reject(reasonOf(signal))
      signal.addEventListener('abort', stop, { once: true })
      this.#waiting.push(() => {
        signal.removeEventListener('abort', stop)
        resolve()
      })
    })
  }
}
