import { jsonb, type Query } from './connect.ts'

/** How an account's usage of a pool changes; what is left out stays. */
export type UsageChange = {
  accountId: string
  poolId: string
  usedBytes?: number
  filesCount?: number
  reservedBytes?: number
  uploadsCount?: number
}

/** A limit that nothing reaches. */
export const unlimitedBytes = Number.MAX_SAFE_INTEGER

/**
 * Holds accounts' usage until the transaction ends, in the order of their ids. Whoever changes it holds it first, and takes
 * it as the last of what it locks, so that no two wait for each other.
 */
export async function holdUsage(query: Query, accountIds: readonly string[]): Promise<void> {
  // An update of no row locks the one that is there, and writes nothing.
  await query`
    insert into account_quotas (account_id) select distinct unnest(${accountIds}::uuid[]) order by 1
    on conflict (account_id) do update set account_id = excluded.account_id where false`
}

/** Notes changes of what accounts have in pools, however much that is. */
export async function changeUsage(query: Query, changes: readonly UsageChange[]): Promise<void> {
  if (changes.length === 0) return
  await holdUsage(
    query,
    changes.map((change) => change.accountId),
  )
  const rows = changes.map((change) => ({
    account_id: change.accountId,
    pool_id: change.poolId,
    used_bytes: change.usedBytes ?? 0,
    files_count: change.filesCount ?? 0,
    reserved_bytes: change.reservedBytes ?? 0,
    uploads_count: change.uploadsCount ?? 0,
  }))
  await query`
    insert into pool_usage (account_id, pool_id, used_bytes, files_count, reserved_bytes, uploads_count)
    select account_id, pool_id, sum(used_bytes), sum(files_count), sum(reserved_bytes), sum(uploads_count)
    from jsonb_to_recordset(${jsonb(query, rows)}) as change (account_id uuid, pool_id uuid, used_bytes bigint,
      files_count bigint, reserved_bytes bigint, uploads_count bigint)
    group by account_id, pool_id order by account_id, pool_id
    on conflict (account_id, pool_id) do update set
      used_bytes = pool_usage.used_bytes + excluded.used_bytes,
      files_count = pool_usage.files_count + excluded.files_count,
      reserved_bytes = pool_usage.reserved_bytes + excluded.reserved_bytes,
      uploads_count = pool_usage.uploads_count + excluded.uploads_count`
}

export type QuotaRow = {
  adminLimitBytes: number | null
  tokenLimitBytes: number | null
  /** Weighed with what a byte costs in each pool. */
  usedBytes: number
  reservedBytes: number
}

/** What an account may have, as far as somebody said so, and what it has. */
export async function findQuota(query: Query, accountId: string): Promise<QuotaRow> {
  const [row] = await query<[QuotaRow]>`
    select max(q.admin_limit_bytes) as admin_limit_bytes, max(q.token_limit_bytes) as token_limit_bytes,
      coalesce(sum(ceil(u.used_bytes * p.cost_multiplier)), 0)::bigint as used_bytes,
      coalesce(sum(ceil(u.reserved_bytes * p.cost_multiplier)), 0)::bigint as reserved_bytes
    from (select ${accountId}::uuid as account_id) as account left join account_quotas q using (account_id)
      left join pool_usage u using (account_id) left join pools p on p.id = u.pool_id`
  return row
}

/** How many uploads an account has that have not ended. */
export async function countOpenUploads(query: Query, accountId: string): Promise<number> {
  const [row] = await query<[{ count: number }]>`
    select coalesce(sum(uploads_count), 0)::bigint as count from pool_usage where account_id = ${accountId}`
  return row.count
}

/** Notes what an account's token says that it may have. */
export async function noteTokenLimit(query: Query, accountId: string, limitBytes: number): Promise<void> {
  await query`
    update account_quotas set token_limit_bytes = ${limitBytes}
    where account_id = ${accountId} and token_limit_bytes is distinct from ${limitBytes}`
}

/** Sets an account's limit by an administrator's word; null: as nobody had ever said anything, no token either. */
export async function setAdminLimit(query: Query, accountId: string, limitBytes: number | null): Promise<void> {
  await query`
    insert into account_quotas (account_id, admin_limit_bytes) values (${accountId}, ${limitBytes})
    on conflict (account_id) do update set admin_limit_bytes = excluded.admin_limit_bytes,
      token_limit_bytes = case when excluded.admin_limit_bytes is null then null else account_quotas.token_limit_bytes end`
}

export type PoolUsageRow = {
  accountId: string
  poolId: string
  poolName: string
  costMultiplier: number
  usedBytes: number
  filesCount: number
  reservedBytes: number
  uploadsCount: number
}

const usageColumns = (query: Query) => query`
  u.account_id, u.pool_id, p.name as pool_name, p.cost_multiplier, u.used_bytes, u.files_count, u.reserved_bytes,
  u.uploads_count`

/** What an account has, pool by pool. */
export async function listAccountUsage(query: Query, accountId: string): Promise<PoolUsageRow[]> {
  return query<PoolUsageRow[]>`
    select ${usageColumns(query)} from pool_usage u join pools p on p.id = u.pool_id
    where u.account_id = ${accountId} order by p.name, u.pool_id`
}

/** A page of what all accounts have, in the order of account and pool, and how many entries there are. */
export async function listUsage(
  query: Query,
  { offset, limit }: { offset: number; limit: number },
): Promise<{ rows: PoolUsageRow[]; total: number }> {
  const [rows, [counted]] = await Promise.all([
    query<PoolUsageRow[]>`
      select ${usageColumns(query)} from pool_usage u join pools p on p.id = u.pool_id
      order by u.account_id, u.pool_id limit ${limit} offset ${offset}`,
    query<[{ total: number }]>`select count(*)::int as total from pool_usage`,
  ])
  return { rows, total: counted.total }
}
