import { expireLeases, findUnclaimed, leaveRings, readmitLost } from '../db/admission.ts'
import { type Sql, transact } from '../db/connect.ts'
import { deleteOldTasks, findOverdue } from '../db/tasks.ts'
import type { Engine } from '../queue/engine.ts'
import { type ControlDeps, expire } from './control.ts'

/** A delivery is looked up in the engine once it has waited so long without a claim. */
const unclaimedAgeMs = 2000
const lookUpsAtOnce = 2048
/** A wiped engine holds nothing, which a few deliveries tell as well as all, and so sooner at little cost. */
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

/** The same, and sooner, when the engine seems to have lost everything. Answers how many. */
export async function sweepWipedEngine(sql: Sql, engine: Engine): Promise<number> {
  const sample = await findUnclaimed(sql, sampledAgeMs, sampleSize)
  if (sample.length === 0) return 0
  const held = await engine.holds(sample)
  return held.includes(true) ? 0 : sweepLostDeliveries(sql, engine, sampledAgeMs)
}

/** Takes accounts off the rings that have nothing waiting. Answers how many. */
export async function sweepRings(sql: Sql): Promise<number> {
  return transact(sql, (query) => leaveRings(query))
}

/** Expires tasks whose deadline has passed. Answers how many. */
export async function sweepDeadlines(deps: ControlDeps): Promise<number> {
  const overdue = await findOverdue(deps.sql, batch)
  for (const task of overdue) await expire(deps, task, 'The deadline passed before the task ended.')
  return overdue.length
}

/** Removes tasks that ended more than `retentionMs` ago. Answers how many. */
export async function sweepEndedTasks(sql: Sql, retentionMs: number): Promise<number> {
  return deleteOldTasks(sql, retentionMs, batch)
}
