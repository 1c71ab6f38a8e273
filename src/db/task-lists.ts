import { type TaskStatus, taskStatuses } from '../contract/task.ts'
import type { Query } from './connect.ts'
import { taskColumns, type TaskRow } from './tasks.ts'

const sortColumns = {
  lastActivity: 'last_activity',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  priority: 'priority',
  name: 'name',
  status: 'status',
  progress: 'progress',
} as const

export type TaskFilter = {
  accountId: string
  type?: string | undefined
  status?: TaskStatus | undefined
  scheduleId?: string | undefined
  sortBy: keyof typeof sortColumns
  sortDescending: boolean
  offset: number
  limit: number
}

/** A page of an account's tasks, and how many match in all. */
export async function listTasks(query: Query, filter: TaskFilter): Promise<{ tasks: TaskRow[]; total: number }> {
  const matching = query`
    account_id = ${filter.accountId} ${filter.type === undefined ? query`` : query`and type = ${filter.type}`}
    ${filter.status === undefined ? query`` : query`and status = ${filter.status}`}
    ${filter.scheduleId === undefined ? query`` : query`and schedule_id = ${filter.scheduleId}`}`
  const direction = filter.sortDescending ? query`desc` : query`asc`
  const sorted = query.unsafe(sortColumns[filter.sortBy])
  const order = query`order by ${sorted} ${direction}, id ${direction}`
  // By activity each status has its own order in the index, and is read no further than the page reaches.
  const statuses = filter.sortBy === 'lastActivity' && filter.status === undefined ? taskStatuses : undefined
  const found = statuses
    ? query`(
        select one.* from unnest(${statuses}::text[]) as wanted (status) cross join lateral (
          select * from tasks where ${matching} and status = wanted.status ${order} limit ${filter.offset + filter.limit}
        ) as one
      ) as tasks`
    : query`tasks where ${matching}`
  const tasks = await query<TaskRow[]>`
    select ${taskColumns(query)} from ${found} ${order} limit ${filter.limit} offset ${filter.offset}`
  const [counted] = await query<[{ total: number }]>`select count(*)::int as total from tasks where ${matching}`
  return { tasks, total: counted.total }
}

/** An account's tasks counted by type and status. */
export async function countTasks(
  query: Query,
  accountId: string,
): Promise<{ type: string; status: TaskStatus; count: number; progress: number }[]> {
  return query`
    select type, status, count(*)::int as count, avg(progress)::float as progress from tasks
    where account_id = ${accountId} group by type, status`
}

/** An account's tasks by their ids, in the order asked for; what does not exist is left out. */
export async function findTasks(query: Query, accountId: string, taskIds: readonly string[]): Promise<TaskRow[]> {
  return query<TaskRow[]>`
    select ${taskColumns(query)} from tasks join unnest(${taskIds}::uuid[]) with ordinality as wanted (wanted_id, place)
      on wanted_id = id
    where account_id = ${accountId} order by place`
}

/** Of these tasks those that exist and are the account's. */
export async function findOwnTaskIds(query: Query, accountId: string, taskIds: readonly string[]): Promise<string[]> {
  const rows = await query<{ id: string }[]>`
    select id from tasks where id = any(${taskIds}::uuid[]) and account_id = ${accountId}`
  return rows.map((row) => row.id)
}

export type OpenTask = Pick<
  TaskRow,
  | 'id'
  | 'type'
  | 'name'
  | 'status'
  | 'statusMessage'
  | 'progress'
  | 'priority'
  | 'createdAt'
  | 'startedAt'
  | 'lastActivity'
>

/** The liveliest tasks that have not ended, of an account, in a pool, or both; and how many there are. */
export async function listOpenTasks(
  query: Query,
  { accountId, poolId }: { accountId?: string | undefined; poolId?: string | undefined },
  limit: number,
): Promise<{ tasks: OpenTask[]; open: number }> {
  const matching = query`
    status in ('Pending', 'InProgress', 'Paused')
    ${accountId === undefined ? query`` : query`and account_id = ${accountId}`}
    ${poolId === undefined ? query`` : query`and pool_ids @> array[${poolId}]`}`
  const tasks = await query<OpenTask[]>`
    select id, type, name, status, status_message, progress, priority, created_at, started_at, last_activity from tasks
    where ${matching} order by last_activity desc limit ${limit}`
  if (tasks.length < limit) return { tasks, open: tasks.length }
  const [counted] = await query<[{ open: number }]>`select count(*)::int as open from tasks where ${matching}`
  return { tasks, open: counted.open }
}
