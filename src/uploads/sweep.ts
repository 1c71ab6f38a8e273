import { listPools } from '../db/pools.ts'
import { findLeftoverSinks, findStaleUploads, findUnknownIds } from '../db/uploads.ts'
import { eachOf, sweepPools } from '../files/sweep-pools.ts'
import type { Storage, Unfinished } from '../storage/contract.ts'
import { type ControlDeps, expire } from '../tasks/control.ts'
import { type ClearDeps, clearSink } from './clear.ts'

const batch = 100
/** A worker that loses an upload clears up after itself; only what it could not is left for the sweep. */
const leftoverGraceMs = 60_000

/** Expires uploads of which nothing was heard for `staleThresholdMs`, and frees their staging. Answers how many. */
export async function sweepStaleUploads(deps: ControlDeps, staleThresholdMs: number): Promise<number> {
  let expired = 0
  for (;;) {
    const stale = await findStaleUploads(deps.sql, staleThresholdMs, batch)
    for (const upload of stale) await expire(deps, upload, 'Nothing was heard of the upload for too long.')
    expired += stale.length
    if (stale.length < batch) return expired
  }
}

/** Removes staging whose removal was interrupted. Answers of how many uploads. */
export async function sweepLeftoverSinks(deps: ClearDeps): Promise<number> {
  return sweepPools(
    (notIn, limit) => findLeftoverSinks(deps.sql, { olderThanMs: leftoverGraceMs, notIn, limit }),
    async (sink) => ((await clearSink(deps, sink)) ? 'done' : 'failed'),
  )
}

/**
 * Removes what lies unfinished in the pools and is nobody's: a process died after it began it and before the ledger knew, or
 * the store did what it had given up to do. What was begun within `graceMs` is left, for its owner may be about to be
 * written. Answers how many. A pool that is out of reach does not hold up the others.
 */
export async function sweepUnknownStaging({ sql, pools, log }: ClearDeps, graceMs: number): Promise<number> {
  let removed = 0
  for (const { id: poolId } of await listPools(sql)) {
    try {
      for await (const old of oldInBatches(await pools.open(poolId), graceMs)) {
        const unknown = new Set(await findUnknownIds(sql, [...new Set(old.map(({ id }) => id))]))
        await eachOf(
          old.filter(({ id }) => unknown.has(id)),
          async (one) => {
            await one.discard()
            removed++
          },
        )
      }
    } catch (error) {
      log.warn({ err: error, poolId }, 'a pool could not be searched for leftovers; the sweep tries again')
    }
  }
  return removed
}

/** What lies unfinished in a pool since longer than `graceMs`, some at a time. */
export async function* oldInBatches(storage: Storage, graceMs: number): AsyncGenerator<Unfinished[]> {
  let old: Unfinished[] = []
  for await (const one of storage.listUnfinished()) {
    if (Date.now() - one.beganAt.getTime() < graceMs) continue
    old.push(one)
    if (old.length < batch) continue
    yield old
    old = []
  }
  if (old.length > 0) yield old
}
