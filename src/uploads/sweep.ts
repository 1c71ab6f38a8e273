import { findLeftoverSinks, findStaleUploads } from '../db/uploads.ts'
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

/** Removes staging whose removal was interrupted. Answers how many uploads it looked at. */
export async function sweepLeftoverSinks(deps: ClearDeps): Promise<number> {
  const leftovers = await findLeftoverSinks(deps.sql, leftoverGraceMs, batch)
  for (const sink of leftovers) await clearSink(deps, sink)
  return leftovers.length
}
