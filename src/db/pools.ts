import { jsonb, type Query } from './connect.ts'

export type PoolRow = { id: string; name: string; kind: string; settings: unknown }

export async function findPool(query: Query, id: string): Promise<PoolRow | undefined> {
  const [row] = await query<PoolRow[]>`select id, name, kind, settings from pools where id = ${id}`
  return row
}

/** Adds a pool unless its id is taken; answers the one that stands. */
export async function ensurePool(query: Query, pool: PoolRow): Promise<PoolRow> {
  await query`
    insert into pools (id, name, kind, settings)
    values (${pool.id}, ${pool.name}, ${pool.kind}, ${jsonb(query, pool.settings)})
    on conflict (id) do nothing`
  const [row] = await query<[PoolRow]>`select id, name, kind, settings from pools where id = ${pool.id}`
  return row
}

/** Adds a pool, or gives one of its kind this name and these settings. False when it is of another kind. */
export async function declarePool(query: Query, pool: PoolRow): Promise<boolean> {
  const rows = await query`
    insert into pools (id, name, kind, settings)
    values (${pool.id}, ${pool.name}, ${pool.kind}, ${jsonb(query, pool.settings)})
    on conflict (id) do update set name = excluded.name, settings = excluded.settings
    where pools.kind = excluded.kind`
  return rows.count === 1
}

export async function listPools(query: Query): Promise<PoolRow[]> {
  return query<PoolRow[]>`select id, name, kind, settings from pools order by created_at, id`
}

/** True when the bundle exists and is the account's. In a transaction it stays until that ends. */
export async function ownsBundle(query: Query, { id, accountId }: { id: string; accountId: string }): Promise<boolean> {
  const rows = await query`select 1 from bundles where id = ${id} and account_id = ${accountId} for key share`
  return rows.length === 1
}
