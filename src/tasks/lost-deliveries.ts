import { type Delivery, findUnclaimed, readmitLost, sampleUnclaimed } from '../db/admission.ts'
import { type Sql, transactReplanned } from '../db/connect.ts'
import type { Engine } from '../queue/engine.ts'

/** A delivery is looked up in the engine once it has waited so long without a claim. */
const unclaimedAgeMs = 2000
const lookUpsAtOnce = 2048
/** A few deliveries tell of a wiped engine as well as all do, so they can be looked up sooner and more often. */
const sampledAgeMs = 1000
/** What an engine that lost something was given within this may be on its way to it still. */
const underWayMs = 250
const sampleSize = 16
/** From taking a delivery to claiming its task: milliseconds. Who needs this much longer is dead, or was never told. */
const takenGraceMs = 2000

/**
 * Deliveries of which the ledger thinks that they wait, and that will not come: the engine was wiped, failed over to a
 * replica that had not heard of them, or gave them to a consumer that died, or whose connection did, before it could claim
 * the task. The engine itself would find the last kind only after minutes.
 */
export class LostDeliveries {
  readonly #sql: Sql
  readonly #engine: Pick<Engine, 'find'>
  readonly #now: () => number
  /** Since when deliveries have been seen as taken and not claimed. By this clock, for consumers may have others. */
  #takenSince = new Map<string, number>()

  constructor(sql: Sql, engine: Pick<Engine, 'find'>, now: () => number = () => performance.now()) {
    this.#sql = sql
    this.#engine = engine
    this.#now = now
  }

  /** Has what was lost admitted again. Safe when several processes do it at once. Answers how many. */
  async sweep(ageMs = unclaimedAgeMs): Promise<number> {
    const unclaimed = await findUnclaimed(this.#sql, ageMs, lookUpsAtOnce)
    const lost = await this.#lostOf(unclaimed)
    return lost.length === 0 ? 0 : transactReplanned(this.#sql, (query) => readmitLost(query, lost))
  }

  /** The same, and sooner, when a sample shows that the engine has lost something: it was wiped, most likely. */
  async sweepIfWiped(): Promise<number> {
    const sample = await sampleUnclaimed(this.#sql, sampledAgeMs, sampleSize)
    if (sample.length === 0) return 0
    const found = await this.#engine.find(sample)
    return found.includes('gone') ? this.sweep(underWayMs) : 0
  }

  async #lostOf(unclaimed: readonly Delivery[]): Promise<Delivery[]> {
    const found = unclaimed.length === 0 ? [] : await this.#engine.find(unclaimed)
    const now = this.#now()
    const takenSince = new Map<string, number>()
    const lost = unclaimed.filter((one, index) => {
      if (found[index] !== 'taken') return found[index] === 'gone'
      const key = `${one.taskId} ${one.dispatch}`
      const since = this.#takenSince.get(key) ?? now
      takenSince.set(key, since)
      return now - since >= takenGraceMs
    })
    this.#takenSince = takenSince
    return lost
  }
}
