import { deleteOldAttempts } from '../db/attempts.ts'
import { deleteExpiredAccesses } from '../db/bundles.ts'
import { type Sql, transact } from '../db/connect.ts'
import { deleteObject, findOrphanedObjects, lockOrphan } from '../db/objects.ts'
import { purgeFiles } from '../db/file-changes.ts'
import { deleteOutputs, takeLeftoverOutputs } from '../db/outputs.ts'
import type { Log } from '../log.ts'
import type { Pools } from './pools.ts'

export type FileSweepDeps = { sql: Sql; pools: Pools; log: Log }

const batch = 100
/** A worker that is told late that its task has ended may write for so long. */
const leftoverGraceMs = 60_000

/** Removes what ended tasks wrote and never committed. Answers how many outputs it removed. */
export async function sweepOutputs({ sql, pools, log }: FileSweepDeps): Promise<number> {
  const leftovers = await takeLeftoverOutputs(sql, leftoverGraceMs, batch)
  const gone: string[] = []
  for (const { id, epoch, poolId } of leftovers) {
    try {
      await (await pools.open(poolId)).discardObject({ id, epoch })
      gone.push(id)
    } catch (error) {
      log.warn({ err: error, poolId, outputId: id }, 'an output could not be removed; the sweep tries again')
    }
  }
  if (gone.length > 0) await deleteOutputs(sql, gone)
  return gone.length
}

/** Removes files that have expired or lain in the trash for `trashMs`. Answers how many. */
export async function sweepFiles({ sql }: Pick<FileSweepDeps, 'sql'>, trashMs: number): Promise<number> {
  return transact(sql, (query) => purgeFiles(query, trashMs, 1000))
}

/** Forgets accesses to shared bundles that have run out, and attempts that count no more. Answers how many. */
export async function sweepShares({ sql }: Pick<FileSweepDeps, 'sql'>): Promise<number> {
  return (await deleteExpiredAccesses(sql)) + (await deleteOldAttempts(sql))
}

/** Removes objects that no file has referred to for `graceMs`. Answers how many. */
export async function sweepOrphans({ sql, pools, log }: FileSweepDeps, graceMs: number): Promise<number> {
  let removed = 0
  for (const id of await findOrphanedObjects(sql, graceMs, batch)) {
    try {
      if (await removeOrphan(sql, pools, id)) removed++
    } catch (error) {
      log.warn({ err: error, objectId: id }, 'an object could not be removed; the sweep tries again')
    }
  }
  return removed
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
