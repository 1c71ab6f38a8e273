import { deleteOldAttempts } from '../db/attempts.ts'
import { deleteExpiredAccesses } from '../db/bundles.ts'
import { type Sql, transact } from '../db/connect.ts'
import { deleteObject, findOrphanedObjects, lockOrphan } from '../db/objects.ts'
import { purgeFiles } from '../db/file-changes.ts'
import {
  deleteOutputs,
  findDiscardedOutputs,
  type Leftover,
  markDiscarded,
  takeLeftoverOutputs,
} from '../db/outputs.ts'
import type { Log } from '../log.ts'
import { untilLess } from '../tasks/until-less.ts'
import type { Pools } from './pools.ts'
import { type Swept, sweepPools } from './sweep-pools.ts'

const purgedAtOnce = 1000

export type FileSweepDeps = { sql: Sql; pools: Pools; log: Log }

/** A worker that is told late that its task has ended may write for so long. */
const leftoverGraceMs = 60_000
/** No request of a claim that was lost reaches a store later than this, retries included: a completion is tried for 15 min. */
const lateMs = 20 * 60_000

/**
 * Removes what ended tasks wrote and never committed. What was removed is remembered for a while, and then removed once more:
 * a late request may have made it again. Answers how many outputs it removed for the first time.
 */
export async function sweepOutputs({ sql, pools, log }: FileSweepDeps): Promise<number> {
  const discard = async ({ id, epoch, poolId }: Leftover, note: typeof markDiscarded): Promise<Swept> => {
    try {
      await (await pools.open(poolId)).discardObject({ id, epoch })
    } catch (error) {
      log.warn({ err: error, poolId, outputId: id }, 'an output could not be removed; the sweep tries again')
      return 'failed'
    }
    await note(sql, [id])
    return 'done'
  }
  const removed = await sweepPools(
    (notIn, limit) => takeLeftoverOutputs(sql, { olderThanMs: leftoverGraceMs, notIn, limit }),
    (output) => discard(output, markDiscarded),
  )
  await sweepPools(
    (notIn, limit) => findDiscardedOutputs(sql, { olderThanMs: lateMs, notIn, limit }),
    (output) => discard(output, deleteOutputs),
  )
  return removed
}

/** Removes files that have expired or lain in the trash for `trashMs`. Answers how many. */
export async function sweepFiles({ sql }: Pick<FileSweepDeps, 'sql'>, trashMs: number): Promise<number> {
  return untilLess(purgedAtOnce, () => transact(sql, (query) => purgeFiles(query, trashMs, purgedAtOnce)))
}

/** Forgets accesses to shared bundles that have run out, and attempts that count no more. Answers how many. */
export async function sweepShares({ sql }: Pick<FileSweepDeps, 'sql'>): Promise<number> {
  return (await deleteExpiredAccesses(sql)) + (await deleteOldAttempts(sql))
}

/** Removes objects that no file has referred to for `graceMs`. Answers how many. */
export async function sweepOrphans({ sql, pools, log }: FileSweepDeps, graceMs: number): Promise<number> {
  return sweepPools(
    (notIn, limit) => findOrphanedObjects(sql, { olderThanMs: graceMs, notIn, limit }),
    async ({ id, poolId }) => {
      try {
        return (await removeOrphan(sql, pools, id)) ? 'done' : 'skipped'
      } catch (error) {
        log.warn({ err: error, poolId, objectId: id }, 'an object could not be removed; the sweep tries again')
        return 'failed'
      }
    },
  )
}

/** The bytes go first, under the row's lock, so that no file can come to refer to what is not there. */
function removeOrphan(sql: Sql, pools: Pools, id: string): Promise<boolean> {
  return transact(sql, async (query) => {
    const object = await lockOrphan(query, id)
    if (!object) return false
    await (await pools.open(object.poolId)).remove(object.key)
    await deleteObject(query, id)
    return true
  })
}
