import type { Query } from '../db/connect.ts'
import { findPool } from '../db/pools.ts'
import { findOwnTaskIds } from '../db/task-lists.ts'
import { AppError } from '../errors.ts'
import { mayUse, policyOf, poolNotFound, poolUserOf } from '../files/pool-policy.ts'
import { taskNotFound } from '../tasks/show.ts'
import { type Caller, parseRoom, type Room } from './rooms.ts'

/**
 * The room that somebody asks for, if he may watch it. Throws VALIDATION_FAILED for what is no room, FORBIDDEN for what
 * is not his, and TASK_NOT_FOUND or POOL_NOT_FOUND for what does not exist, another account's task, and a pool that is not for
 * him.
 */
export async function enterRoom(query: Query, caller: Caller, name: string): Promise<Room> {
  const room = parseRoom(name, caller)
  if (!room) {
    const message = 'must be account:{id}, task:{id}, pool:{id} or admin'
    throw new AppError('VALIDATION_FAILED', 'The request names no room that can be watched.', {
      details: { errors: [{ field: 'room', message }] },
    })
  }
  const refusal = await refusalOf(query, caller, room)
  if (refusal) throw refusal
  return room
}

/** Of the rooms that somebody watches those that he may not watch any longer, and why. */
export async function findLost(
  query: Query,
  caller: Caller,
  rooms: readonly Room[],
): Promise<{ room: Room; refusal: AppError }[]> {
  const tasks = rooms.filter((room) => room.kind === 'task')
  const owned = new Set(
    tasks.length === 0
      ? []
      : await findOwnTaskIds(
          query,
          caller.account,
          tasks.map((room) => room.taskId),
        ),
  )
  const lost: { room: Room; refusal: AppError }[] = []
  for (const room of rooms) {
    if (room.kind === 'task') {
      if (!owned.has(room.taskId)) lost.push({ room, refusal: taskNotFound(room.taskId) })
      continue
    }
    const refusal = await refusalOf(query, caller, room)
    if (refusal) lost.push({ room, refusal })
  }
  return lost
}

async function refusalOf(query: Query, caller: Caller, room: Room): Promise<AppError | undefined> {
  switch (room.kind) {
    case 'account':
      if (room.accountId === caller.account) return undefined
      return new AppError('FORBIDDEN', 'Of the rooms of accounts, only your own can be watched.', {
        details: { room: room.name },
      })
    case 'task':
      if ((await findOwnTaskIds(query, caller.account, [room.taskId])).length === 1) return undefined
      return taskNotFound(room.taskId)
    case 'pool':
      // Whoever was an administrator and is none any more watches all of it no longer.
      if (room.accountId === undefined && !caller.admin) return forAdmins(room)
      return (await isPoolFor(query, caller, room.poolId)) ? undefined : poolNotFound(room.poolId)
    case 'admin':
      return caller.admin ? undefined : forAdmins(room)
  }
}

/** Who may put nothing there learns nothing of it either, as over HTTP. */
async function isPoolFor(query: Query, caller: Caller, poolId: string): Promise<boolean> {
  const pool = await findPool(query, poolId)
  return pool !== undefined && mayUse(policyOf(pool), poolUserOf(caller))
}

function forAdmins(room: Room): AppError {
  return new AppError('FORBIDDEN', 'This room is for admins.', { details: { room: room.name } })
}
