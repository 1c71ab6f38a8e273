import { expireLeases, findUnclaimed, leaveRings, readmitLost, sampleUnclaimed } from '../db/admission.ts'
import { type Sql, transact } from '../db/connect.ts'
import { deleteOldTasks, findOverdue } from '../db/tasks.ts'
import type { Engine } from '../queue/engine.ts'
import { type ControlDeps, expire } from './control.ts'

/** A delivery is looked up in the engine once it has waited so long without a claim. */
const unclaimedAgeMs = 2000
const lookUpsAtOnce = 2048
/** A few deliveries tell of a wiped engine as well as all do, so they can be looked up sooner and more often. */
const sampledAgeMs = 1000
const sampleSize = 16
const batch = 500

/** Has the tasks of dead workers delivered again. Safe when several processes do it at once. Answers how many. */
export async function sweepLeases(sql: Sql): Promise<number> {
  return transact(sql, (query) => expireLeases(query))
}

/** Has the deliveries that the engine lost (a flush, a failover) admitted again. Answers how many. */
export async function sweepLostDeliveries(sql: Sql, engine: Engine, ageMs = unclaimedAgeMs): Promise<number> {
  const unclaimed = await findUnclaimed(sql, ageMs, lookUpsAtOnce)
  if (unclaimed.length === 0) return 0
  const held = await engine.holds(unclaimed)
  const lost = unclaimed.filter((_, index) => held[index] === false)
  return lost.length === 0 ? 0 : transact(sql, (query) => readmitLost(query, lost))
}

/** The same, and sooner, when a sample shows that the engine has lost something: it was wiped, most likely. */
export async function sweepWipedEngine(sql: Sql, engine: Engine): Promise<number> {
  const sample = await sampleUnclaimed(sql, sampledAgeMs, sampleSize)
  if (sample.length === 0) return 0
  const held = await engine.holds(sample)
  return held.includes(false) ? sweepLostDeliveries(sql, engine, sampledAgeMs) : 0
}

/** Takes accounts off the rings that have nothing waiting. Answers how many. */
export async function sweepRings(sql: Sql): Promise<number> {
  return transact(sql, (query) => leaveRings(query))
}

/** Expires tasks whose deadline has passed. Answers how many. */
export async function sweepDeadlines(deps: ControlDeps): Promise<number> {
  return untilLess(batch, async () => {
    const overdue = await findOverdue(deps.sql, batch)
    for (const task of overdue) await expire(deps, task, 'The deadline passed before the task ended.')
    return overdue.length
  })
}

/** Removes tasks that ended more than `retentionMs` ago. Answers how many. */
export async function sweepEndedTasks(sql: Sql, retentionMs: number): Promise<number> {
  return untilLess(batch, () => deleteOldTasks(sql, retentionMs, batch))
}

/** Does a step again as long as it finds as much as it takes at once. Answers how many it found in all. */
async function untilLess(limit: number, step: () => Promise<number>): Promise<number> {
  let total = 0
  for (;;) {
    const found = await step()
    total += found
    if (found < limit) return total
  }
}
