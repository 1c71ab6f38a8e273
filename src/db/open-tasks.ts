import { type Query, type Sql, transact } from './connect.ts'

/** How long a count of an account's tasks is taken for good: who hovers at the limit has them counted no more often. */
const freshMs = 1000

export type MoreTasks = { accountId: string; count: number }

/**
 * Notes that accounts, each named once, have more open tasks, as the last thing that the transaction locks. Answers those that
 * may have too many then, as far as is known without counting: ends are not noted, so there may be fewer.
 */
export async function addOpenTasks(query: Query, more: readonly MoreTasks[], limit: number): Promise<MoreTasks[]> {
  const ids = more.map((one) => one.accountId)
  // In the order of their ids, for two who add to the same accounts wait for one another.
  const rows = await query<{ accountId: string }[]>`
    with held as (
      select account_id from open_tasks where account_id = any(${ids}::uuid[]) order by account_id for no key update
    )
    update open_tasks set at_most = at_most + more.count
    from held join unnest(${ids}::uuid[], ${more.map((one) => one.count)}::bigint[]) as more (account_id, count)
      on more.account_id = held.account_id
    where open_tasks.account_id = held.account_id and open_tasks.at_most + more.count <= ${limit}
    returning open_tasks.account_id`
  const added = new Set(rows.map((row) => row.accountId))
  return more.filter((one) => !added.has(one.accountId))
}

/**
 * Counts an account's open tasks, unless that was just done, and answers how many there are at most. Nobody notes more
 * meanwhile: what others have written and not noted yet they note afterwards.
 */
export async function countOpenTasks(sql: Sql, accountId: string): Promise<number> {
  return transact(sql, async (query) => {
    await query`
      insert into open_tasks (account_id, at_most, counted_at) values (${accountId}, 0, '-infinity') on conflict do nothing`
    const [known] = await query<[{ atMost: number; isFresh: boolean }]>`
      select at_most, counted_at > clock_timestamp() - ${freshMs} * interval '1 millisecond' as is_fresh
      from open_tasks where account_id = ${accountId} for update`
    if (known.isFresh) return known.atMost
    // A statement of its own, which sees what was committed before the lock was given.
    const [counted] = await query<[{ atMost: number }]>`
      with counted as (
        select count(*) as open from tasks
        where account_id = ${accountId} and status in ('Pending', 'InProgress', 'Paused') and type <> 'FileUpload'
      )
      update open_tasks set at_most = open, counted_at = clock_timestamp() from counted
      where account_id = ${accountId} returning at_most`
    return counted.atMost
  })
}
