import { type Band, bands } from '../src/contract/task.ts'
import { addBandCounts, type BandCount } from '../src/db/bands.ts'
import type { Sql } from '../src/db/connect.ts'

type What = 'started' | 'completed' | 'failed'

/** Counts what this worker does in each band, and adds it to the ledger's figures now and then. */
export class BandRates {
  #counts = new Map<Band, BandCount>()

  count(band: Band, what: What): void {
    const counts = this.#counts.get(band) ?? { band, started: 0, completed: 0, failed: 0 }
    counts[what]++
    this.#counts.set(band, counts)
  }

  /** Figures that cannot be written are lost: they are for looking at. */
  async flush(sql: Sql): Promise<number> {
    const counts = bands.flatMap((band) => this.#counts.get(band) ?? [])
    this.#counts = new Map()
    if (counts.length > 0) await addBandCounts(sql, counts)
    return 0
  }
}
