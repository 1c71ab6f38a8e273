import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Refusal } from './outlet.ts'
import { refusalOf, shownRefusal } from './refusal.ts'

/** More requests of one client than this do not wait; they are refused. */
const maxWaiting = 100

/** The requests of one client, served one after the other in the order they came. */
export class Turns {
  readonly #log: Log
  #last: Promise<void> = Promise.resolve()
  #waiting = 0
  #isOver = false

  constructor(log: Log) {
    this.#log = log
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Does the work when it is its turn; what it throws becomes an answer. */
  take(work: () => Promise<void>, refuse: (refusal: Refusal) => void): void {
    if (this.#waiting >= maxWaiting) {
      const details = { maxWaiting }
      refuse(shownRefusal(new AppError('RATE_LIMITED', 'Wait for answers before asking for more.', { details })))
      return
    }
    this.#waiting++
    this.#last = this.#last.then(async () => {
      try {
        if (!this.#isOver) await work()
      } catch (error) {
        refuse(refusalOf(error, this.#log))
      } finally {
        this.#waiting--
      }
    })
  }

  /** Those that wait are not served any more. */
  end(): void {
    this.#isOver = true
  }
}
