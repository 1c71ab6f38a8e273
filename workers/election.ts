import { performance } from 'node:perf_hooks'
import { ensureOffice, leaveOffice, sweepsOffice as office, takeOffice } from '../src/db/elections.ts'
import type { Sql } from '../src/db/connect.ts'
import type { Log } from '../src/log.ts'

/** So long the office outlives its holder. Shorter than a task's lease, so that the death of both costs one lease only. */
const termMs = 2000
/** How often a process stands for the office. */
export const standEveryMs = 500
/** Whoever cannot do what the office asks lets the others have a try before standing again. */
const stepBackMs = 750
/** A ledger that takes so long to answer was away, as far as other people's leases go. */
const slowAnswerMs = 1000

/**
 * Sees to it that one process at a time sweeps. The ledger's row decides who; the belief of the one who does ends by
 * itself before the ledger lets another one in, unless the process is frozen at the wrong moment. So what it does must be
 * safe when two do it.
 */
export class Election {
  readonly #sql: Sql
  readonly #holder: string
  readonly #log: Log
  #heldUntilMs = Number.NEGATIVE_INFINITY
  #standsFromMs = Number.NEGATIVE_INFINITY
  #troubledAtMs = Number.NEGATIVE_INFINITY
  #isKnown = false

  constructor({ sql, holder, log }: { sql: Sql; holder: string; log: Log }) {
    this.#sql = sql
    this.#holder = holder
    this.#log = log
  }

  /** Stands for the office, or stays in it. To be called every `standEveryMs`. Throws when the ledger is away. */
  async stand(): Promise<void> {
    const askedAtMs = performance.now()
    if (askedAtMs < this.#standsFromMs) return
    try {
      if (!this.#isKnown) await ensureOffice(this.#sql, office)
      this.#isKnown = true
      const wasHeld = this.isHeld()
      const isHeld = await takeOffice(this.#sql, { office, holder: this.#holder, termMs })
      if (performance.now() - askedAtMs > slowAnswerMs) this.#troubledAtMs = performance.now()
      // It may have stepped back while it asked.
      const isWanted = askedAtMs >= this.#standsFromMs
      this.#heldUntilMs = isHeld && isWanted ? askedAtMs + termMs : Number.NEGATIVE_INFINITY
      if (this.isHeld() !== wasHeld) this.#log.info({ elected: !wasHeld }, 'the sweeps changed hands')
    } catch (error) {
      this.#troubledAtMs = performance.now()
      throw error
    }
  }

  /** Whether this process is to sweep, and the ledger has been there for at least `restMs`. */
  isHeld({ restMs = 0 }: { restMs?: number } = {}): boolean {
    const nowMs = performance.now()
    return nowMs < this.#heldUntilMs && nowMs - this.#troubledAtMs >= restMs
  }

  /** Gives the office up for a moment because what it asks cannot be done from here: another process may be able to. */
  async stepBack(): Promise<void> {
    if (!this.isHeld()) return
    this.#standsFromMs = performance.now() + stepBackMs
    await this.#giveUp()
  }

  /** Gives the office up for good. A ledger that is away learns of it by the end of the term. */
  async leave(): Promise<void> {
    this.#standsFromMs = Number.POSITIVE_INFINITY
    await this.#giveUp()
  }

  async #giveUp(): Promise<void> {
    this.#heldUntilMs = Number.NEGATIVE_INFINITY
    await leaveOffice(this.#sql, { office, holder: this.#holder }).catch((error: unknown) =>
      this.#log.debug({ err: error }, 'an office could not be given up'),
    )
  }
}
