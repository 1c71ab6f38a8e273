import type { Query } from './connect.ts'

export type UsageDrift = {
  accountId: string
  poolId: string
  usedBytes: number
  filesCount: number
  reservedBytes: number
  uploadsCount: number
  /** What the books said instead. */
  bookedUsedBytes: number
  bookedReservedBytes: number
}

/** Where what is booked differs from the files and uploads that there are: of all accounts, or of one. */
export async function findDrift(query: Query, accountId: string | undefined): Promise<UsageDrift[]> {
  const only = (column: ReturnType<Query>) => (accountId === undefined ? query`true` : query`${column} = ${accountId}`)
  return query<UsageDrift[]>`
    with had as (
      select f.account_id, o.pool_id, o.size_bytes as used_bytes, 1 as files_count, 0::bigint as reserved_bytes, 0 as uploads_count
      from files f join objects o on o.id = f.object_id where ${only(query`f.account_id`)}
      union all
      select account_id, pool_id, 0, 0, reserved_bytes, 1 from uploads
      where reserved_bytes is not null and ${only(query`account_id`)}
    ), counted as (
      select account_id, pool_id, sum(used_bytes)::bigint as used_bytes, sum(files_count) as files_count,
        sum(reserved_bytes)::bigint as reserved_bytes, sum(uploads_count) as uploads_count
      from had group by account_id, pool_id
    ), booked as (
      select * from pool_usage where ${only(query`account_id`)}
    )
    select account_id, pool_id, coalesce(c.used_bytes, 0)::bigint as used_bytes, coalesce(c.files_count, 0)::bigint as files_count,
      coalesce(c.reserved_bytes, 0)::bigint as reserved_bytes, coalesce(c.uploads_count, 0)::bigint as uploads_count,
      coalesce(b.used_bytes, 0)::bigint as booked_used_bytes, coalesce(b.reserved_bytes, 0)::bigint as booked_reserved_bytes
    from counted c full join booked b using (account_id, pool_id)
    where (coalesce(c.used_bytes, 0), coalesce(c.files_count, 0), coalesce(c.reserved_bytes, 0), coalesce(c.uploads_count, 0))
      is distinct from (coalesce(b.used_bytes, 0), coalesce(b.files_count, 0), coalesce(b.reserved_bytes, 0), coalesce(b.uploads_count, 0))`
}

/** Books what there is. */
export async function bookUsage(query: Query, drift: UsageDrift): Promise<void> {
  await query`
    insert into pool_usage (account_id, pool_id, used_bytes, files_count, reserved_bytes, uploads_count)
    values (${drift.accountId}, ${drift.poolId}, ${drift.usedBytes}, ${drift.filesCount}, ${drift.reservedBytes},
      ${drift.uploadsCount})
    on conflict (account_id, pool_id) do update set used_bytes = excluded.used_bytes, files_count = excluded.files_count,
      reserved_bytes = excluded.reserved_bytes, uploads_count = excluded.uploads_count`
}
