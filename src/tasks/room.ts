import type { Query, Sql } from '../db/connect.ts'
import { addOpenTasks, countOpenTasks, type MoreTasks } from '../db/open-tasks.ts'
import { AppError } from '../errors.ts'

/** How many tasks that have not ended an account may have, its uploads aside. */
export type TaskLimits = { openPerAccount: number }

export type RoomDeps = { sql: Sql; taskLimits: TaskLimits }

type Full = { accountId: string; open: number; requested: number }

/** Refuses what would be one open task too many. */
export class TaskLimitReached extends AppError {
  /** Everybody who would have too many, and how many each has. */
  readonly full: readonly Full[]

  constructor(limit: number, [first, ...others]: readonly [Full, ...Full[]]) {
    const { open, requested } = first
    super('TASK_LIMIT', `An account may have ${limit} tasks that have not ended, and has ${open}.`, {
      details: { limit, open, requested },
      retryAfterSeconds: 1,
    })
    this.full = [first, ...others]
  }
}

/** There may be no room: to know it tasks have to be counted, outside of the transaction that would add to them. */
class RoomUnknown extends Error {
  readonly more: readonly MoreTasks[]

  constructor(more: readonly MoreTasks[]) {
    super('there may be no room for more tasks')
    this.more = more
  }
}

const mostTries = 3

/**
 * Does what opens tasks, in one transaction of its own that ends with `takeRoom`. Where that does not know whether there is room
 * tasks are counted and it is done once more. Throws TaskLimitReached.
 */
export async function withinRoom<Answer>(
  { sql, taskLimits: { openPerAccount: limit } }: RoomDeps,
  work: () => Promise<Answer>,
): Promise<Answer> {
  const tries = new Map<string, number>()
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof RoomUnknown)) throw error
      const full: Full[] = []
      for (const { accountId, count: requested } of error.more) {
        const open = await countOpenTasks(sql, accountId)
        const nth = (tries.get(accountId) ?? 0) + 1
        tries.set(accountId, nth)
        // Others may take what there is each time; whoever loses so often is refused as if he had come last.
        if (open + requested > limit || nth >= mostTries) full.push({ accountId, open, requested })
      }
      const [first, ...others] = full
      if (first) throw new TaskLimitReached(limit, [first, ...others])
    }
  }
}

/** Takes room for tasks that a transaction has opened, as the last thing that this locks. */
export async function takeRoom(
  query: Query,
  { openPerAccount: limit }: TaskLimits,
  more: readonly MoreTasks[],
): Promise<void> {
  if (more.length === 0) return
  const unknown = await addOpenTasks(query, more, limit)
  if (unknown.length > 0) throw new RoomUnknown(unknown)
}
