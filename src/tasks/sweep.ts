import { expireLeases, leaveRings } from '../db/admission.ts'
import { type Sql, transact, transactReplanned } from '../db/connect.ts'
import { deleteOldTasks, findOverdue } from '../db/tasks.ts'
import { type ControlDeps, expire } from './control.ts'
import { untilLess } from './until-less.ts'

const batch = 500

/** Has the tasks of dead workers delivered again. Safe when several processes do it at once. Answers how many. */
export async function sweepLeases(sql: Sql): Promise<number> {
  return transactReplanned(sql, (query) => expireLeases(query))
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
