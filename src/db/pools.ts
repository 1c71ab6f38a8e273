import { jsonb, type Query } from './connect.ts'

/** Where a pool lies, and how it is spoken to. */
export type PoolPlace = { id: string; name: string; kind: string; settings: unknown }

/** `policy` is as it is stored; src/files/pool-policy.ts reads it. */
export type PoolRow = PoolPlace & {
  policy: unknown
  costMultiplier: number
  disabledAt: Date | null
  createdAt: Date
  updatedAt: Date
}

/** A pool as the operator declares it; a policy or a price that he says nothing of stays what it is. */
export type DeclaredPool = PoolPlace & { policy?: unknown; costMultiplier?: number | undefined }

const columns = (query: Query) => query`
  id, name, kind, settings, policy, cost_multiplier, disabled_at, created_at, updated_at`

/** A pool that was not deleted. `lock` holds the row until the transaction ends. */
export async function findPool(
  query: Query,
  id: string,
  { lock }: { lock: 'use' | 'change' | undefined } = { lock: undefined },
): Promise<PoolRow | undefined> {
  // Whoever brings something in holds it as the foreign keys do, which only who changes it has to wait for.
  const held = lock === 'use' ? query`for key share` : lock === 'change' ? query`for update` : query``
  const [row] = await query<PoolRow[]>`
    select ${columns(query)} from pools where id = ${id} and deleted_at is null ${held}`
  return row
}

export async function listPools(query: Query): Promise<PoolRow[]> {
  return query<PoolRow[]>`select ${columns(query)} from pools where deleted_at is null order by created_at, id`
}

/** Of these permissions those that a pool asks for. A permission is never called `*`. */
export async function findAskedPermissions(query: Query, permissions: readonly string[]): Promise<string[]> {
  const rows = await query<{ permission: string }[]>`
    select distinct policy->>'permission' as permission from pools
    where deleted_at is null and policy->>'permission' = any(${permissions}::text[])`
  return rows.map((row) => row.permission)
}

/** Has nobody else add or move a pool before the transaction ends. */
export async function lockPools(query: Query): Promise<void> {
  await query`select pg_advisory_xact_lock(hashtextextended('where pools lie', 0))`
}

/** Adds a pool unless its id is taken. */
export async function ensurePool(query: Query, pool: PoolPlace): Promise<void> {
  await query`
    insert into pools (id, name, kind, settings)
    values (${pool.id}, ${pool.name}, ${pool.kind}, ${jsonb(query, pool.settings)})
    on conflict (id) do nothing`
}

/** Adds a pool, or gives one of its kind what is declared of it, also one that was deleted. False when it is of another kind. */
export async function declarePool(query: Query, pool: DeclaredPool): Promise<boolean> {
  const policy = pool.policy === undefined ? query`null::jsonb` : jsonb(query, pool.policy)
  const rows = await query`
    insert into pools as known (id, name, kind, settings, policy, cost_multiplier)
    values (${pool.id}, ${pool.name}, ${pool.kind}, ${jsonb(query, pool.settings)}, coalesce(${policy}, '{}'),
      coalesce(${pool.costMultiplier ?? null}::float8, 1))
    on conflict (id) do update set name = excluded.name, settings = excluded.settings, deleted_at = null,
      policy = coalesce(${policy}, known.policy),
      cost_multiplier = coalesce(${pool.costMultiplier ?? null}::float8, known.cost_multiplier),
      updated_at = case when (known.name, known.settings, known.deleted_at) is distinct from
        (excluded.name, excluded.settings, null) then now() else known.updated_at end
    where known.kind = excluded.kind`
  return rows.count === 1
}

export async function insertPool(
  query: Query,
  pool: PoolPlace & { policy: unknown; costMultiplier: number },
): Promise<void> {
  await query`
    insert into pools (id, name, kind, settings, policy, cost_multiplier)
    values (${pool.id}, ${pool.name}, ${pool.kind}, ${jsonb(query, pool.settings)}, ${jsonb(query, pool.policy)},
      ${pool.costMultiplier})`
}

export async function updatePool(
  query: Query,
  pool: Pick<PoolRow, 'id' | 'name' | 'settings' | 'policy' | 'costMultiplier'>,
): Promise<void> {
  await query`
    update pools set name = ${pool.name}, settings = ${jsonb(query, pool.settings)}, policy = ${jsonb(query, pool.policy)},
      cost_multiplier = ${pool.costMultiplier}, updated_at = now()
    where id = ${pool.id}`
}

/** Has a pool take no new files, or take them again. */
export async function setDisabled(query: Query, id: string, isDisabled: boolean): Promise<void> {
  await query`
    update pools set disabled_at = case when ${isDisabled} then coalesce(disabled_at, now()) end, updated_at = now()
    where id = ${id} and (disabled_at is not null) <> ${isDisabled}`
}

/** The row stays, for the history refers to it. */
export async function markDeleted(query: Query, id: string): Promise<void> {
  await query`update pools set deleted_at = now(), updated_at = now() where id = ${id}`
}

/** What lies in a pool, and what is on its way there. */
export type PoolContents = {
  filesCount: number
  usedBytes: number
  /** Also when no file refers to them any more. */
  hasObjects: boolean
  /** Whose staging is there. */
  uploadsCount: number
  /** Of tasks: what they write, and what they wrote for nothing and is looked after for a while. */
  outputsCount: number
}

/** The same of one pool, or of every one, by their ids. */
export async function findContents(query: Query, id?: string): Promise<Map<string, PoolContents>> {
  const rows = await query<(PoolContents & { poolId: string })[]>`
    select p.id as pool_id, coalesce(used.files_count, 0)::bigint as files_count,
      coalesce(used.used_bytes, 0)::bigint as used_bytes,
      exists (select 1 from objects o where o.pool_id = p.id) as has_objects,
      (select count(*) from (
        select task_id from uploads u where u.pool_id = p.id and u.phase <> 'done'
        union select task_id from uploads u where u.pool_id = p.id and u.sink_open
      ) as under_way) as uploads_count,
      (select count(*) from task_outputs t where t.pool_id = p.id) as outputs_count
    from pools p cross join lateral (
      select sum(files_count) as files_count, sum(used_bytes) as used_bytes from pool_usage where pool_id = p.id
    ) as used
    where p.deleted_at is null ${id === undefined ? query`` : query`and p.id = ${id}`}`
  return new Map(rows.map(({ poolId, ...contents }) => [poolId, contents]))
}

/** True when the bundle exists and is the account's. In a transaction it stays until that ends. */
export async function ownsBundle(query: Query, { id, accountId }: { id: string; accountId: string }): Promise<boolean> {
  const rows = await query`select 1 from bundles where id = ${id} and account_id = ${accountId} for key share`
  return rows.length === 1
}
