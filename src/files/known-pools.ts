import type { PoolRow } from '../db/pools.ts'
import type { Storage } from '../storage/contract.ts'
import { poolNotFound } from './pool-policy.ts'

export type Known = Pick<PoolRow, 'id' | 'policy'>

type Opened = { as: Promise<string>; storage: Promise<Storage> }

/** The pools that a process knows, and those it has opened. */
export class KnownPools {
  readonly #find: (poolId: string) => Promise<PoolRow | undefined>
  readonly #open: (pool: PoolRow) => Promise<Storage>
  readonly #opened = new Map<string, Opened>()
  #rows = new Map<string, PoolRow>()

  constructor(find: (poolId: string) => Promise<PoolRow | undefined>, open: (pool: PoolRow) => Promise<Storage>) {
    this.#find = find
    this.#open = open
  }

  peek(poolId: string): Known | undefined {
    return this.#rows.get(poolId)
  }

  /** A pool, opened as the ledger has it. One that cannot be opened now may be the next time. Throws POOL_NOT_FOUND. */
  open(poolId: string): Promise<Storage> {
    const known = this.#opened.get(poolId)
    if (known) return known.storage
    const found = this.#find(poolId).then((pool) => {
      if (pool) return pool
      throw poolNotFound(poolId)
    })
    const opened = { as: found.then(placeKey), storage: found.then((pool) => this.#open(pool)) }
    this.#opened.set(poolId, opened)
    opened.as.catch(() => {})
    opened.storage.catch(() => {
      if (this.#opened.get(poolId) === opened) this.#opened.delete(poolId)
    })
    return opened.storage
  }

  /**
   * Takes rows that were read for what there is, and forgets what was opened as something else. Whoever has it open goes on
   * with it. Answers the ids of the pools that it forgot.
   */
  async replace(rows: readonly PoolRow[]): Promise<string[]> {
    this.#rows = new Map(rows.map((row) => [row.id, row]))
    const forgotten: string[] = []
    for (const [poolId, opened] of this.#opened) {
      const row = this.#rows.get(poolId)
      // What failed to open was forgotten by itself.
      const as = await opened.as.catch(() => undefined)
      if (as === undefined || (row && placeKey(row) === as)) continue
      if (this.#opened.get(poolId) !== opened) continue
      this.#opened.delete(poolId)
      forgotten.push(poolId)
    }
    return forgotten
  }
}

function placeKey({ kind, settings }: PoolRow): string {
  return JSON.stringify([kind, settings])
}
