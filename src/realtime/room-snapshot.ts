import type { RoomSnapshot, TaskSummary } from '../contract/realtime.ts'
import type { Query } from '../db/connect.ts'
import { findPool } from '../db/pools.ts'
import { listOpenTasks, type OpenTask } from '../db/task-lists.ts'
import type { Backlog } from '../tasks/backlog.ts'
import { adminFigures } from '../tasks/figures.ts'
import { getTask, presentTask } from '../tasks/show.ts'
import { poolNotFound } from '../files/pool-policy.ts'
import type { Caller, Room } from './rooms.ts'

const tasksAtMost = 200

/** How a room stands, as this query sees it; what waits may be a little older. Throws TASK_NOT_FOUND or POOL_NOT_FOUND when it is gone meanwhile. */
export async function readRoomSnapshot(
  query: Query,
  caller: Caller,
  room: Room,
  backlog: Backlog,
): Promise<RoomSnapshot> {
  switch (room.kind) {
    case 'task': {
      const task = await getTask(query, { taskId: room.taskId, accountId: caller.account })
      return { kind: 'task', task: presentTask(task) }
    }
    case 'account':
      return { kind: 'account', ...(await openTasks(query, { accountId: room.accountId })) }
    case 'pool': {
      const pool = await findPool(query, room.poolId)
      if (!pool) throw poolNotFound(room.poolId)
      const { id, name, kind } = pool
      return { kind: 'pool', pool: { id, name, kind }, ...(await openTasks(query, room)) }
    }
    case 'admin':
      return { kind: 'admin', figures: await adminFigures(query, backlog) }
  }
}

async function openTasks(query: Query, filter: Parameters<typeof listOpenTasks>[1]) {
  const { tasks, open } = await listOpenTasks(query, filter, tasksAtMost)
  return { open, tasks: tasks.map(summarise) }
}

function summarise({ id, createdAt, startedAt, lastActivity, ...task }: OpenTask): TaskSummary {
  return {
    taskId: id,
    ...task,
    createdAt: createdAt.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    lastActivity: lastActivity.toISOString(),
  }
}
