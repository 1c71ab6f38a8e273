import type { Identity } from '../auth/verify.ts'
import type { EventFilter } from '../db/event-replay.ts'
import type { FeedEvent } from '../db/event-feed.ts'

/** What can be watched. Of a pool, administrators see everybody's events, and who else may use it his own. */
export type Room = { name: string } & (
  | { kind: 'account'; accountId: string }
  | { kind: 'task'; taskId: string }
  | { kind: 'pool'; poolId: string; accountId: string | undefined }
  | { kind: 'admin' }
)

export type Caller = Pick<Identity, 'account' | 'admin' | 'permissions' | 'expiresAt'>

const form = /^(?:(account|task|pool):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|(admin))$/

/** The room of that name as somebody may see it; undefined when there can be none. Letters count whatever their case. */
export function parseRoom(text: string, { account, admin }: Caller): Room | undefined {
  const name = text.toLowerCase()
  const [, kind, id = ''] = form.exec(name) ?? []
  if (kind === 'account') return { name, kind, accountId: id }
  if (kind === 'task') return { name, kind, taskId: id }
  if (kind === 'pool') return { name, kind, poolId: id, accountId: admin ? undefined : account }
  return name === 'admin' ? { name, kind: 'admin' } : undefined
}

export function accountRoom(account: string): string {
  return `account:${account}`
}

/** Under which key its listeners are kept: those of a pool apart for each account. */
export function keyOf(room: Room): string {
  return room.kind === 'pool' && room.accountId !== undefined ? ownPool(room.poolId, room.accountId) : room.name
}

/** The keys of all rooms that something belongs to. */
export function keysOf({ taskId, accountId, poolIds }: Pick<FeedEvent, 'taskId' | 'accountId' | 'poolIds'>): string[] {
  const pools = poolIds.flatMap((poolId) => [`pool:${poolId}`, ownPool(poolId, accountId)])
  return [accountRoom(accountId), `task:${taskId}`, ...pools]
}

/** The events of a room; undefined where there are none. */
export function filterOf(room: Room): EventFilter | undefined {
  switch (room.kind) {
    case 'account':
      return { accountId: room.accountId }
    case 'task':
      return { taskId: room.taskId }
    case 'pool':
      return { poolId: room.poolId, ...(room.accountId === undefined ? {} : { accountId: room.accountId }) }
    case 'admin':
      return undefined
  }
}

function ownPool(poolId: string, accountId: string): string {
  return `pool:${poolId}/${accountId}`
}
