import { type Band, bands } from '../src/contract/task.ts'
import { addBandCounts, type BandCount } from '../src/db/bands.ts'
import type { Sql } from '../src/db/connect.ts'

type What = 'completed' | 'failed'

/** Counts what this worker does in each band, and adds it to the ledger's figures now and then. */
export class BandRates {
  #counts = new Map<Band, BandCount>()

  started(band: Band, waitedSeconds: number): void {
    const counts = this.#of(band)
    counts.started++
    counts.longestWaitSeconds = Math.max(counts.longestWaitSeconds, waitedSeconds)
  }

  count(band: Band, what: What): void {
    this.#of(band)[what]++
  }

  /** Figures that cannot be written are lost: they are for looking at. */
  async flush(sql: Sql): Promise<number> {
    const counts = bands.flatMap((band) => this.#counts.get(band) ?? [])
    this.#counts = new Map()
    if (counts.length > 0) await addBandCounts(sql, counts)
    return 0
  }

  #of(band: Band): BandCount {
    const counts = this.#counts.get(band) ?? { band, started: 0, completed: 0, failed: 0, longestWaitSeconds: 0 }
    this.#counts.set(band, counts)
    return counts
  }
}
