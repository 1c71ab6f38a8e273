import type { Query } from './connect.ts'

export type OldThings = { olderThanMs: number; notIn: readonly string[]; limit: number }

/** Objects that lost their last file so long ago, as far as is known without a lock; not those in pools of `notIn`. */
export async function findOrphanedObjects(
  query: Query,
  { olderThanMs, notIn, limit }: OldThings,
): Promise<{ id: string; poolId: string }[]> {
  return query<{ id: string; poolId: string }[]>`
    select id, pool_id from objects
    where orphaned_at < now() - ${olderThanMs} * interval '1 millisecond' and pool_id <> all(${notIn}::uuid[])
      and not exists (select 1 from files where object_id = objects.id)
    -- By the index: however many there are, only these are looked at.
    order by orphaned_at limit ${limit}`
}

/** Holds an object to which no file refers; undefined when one does by now, or somebody else holds it. */
export async function lockOrphan(query: Query, id: string): Promise<{ poolId: string; key: string } | undefined> {
  const [locked] = await query<{ poolId: string; key: string }[]>`
    select pool_id, key from objects where id = ${id} for update skip locked`
  if (!locked) return undefined
  // Asked in a statement of its own, which sees what was committed before the lock was given.
  const files = await query`select 1 from files where object_id = ${id} limit 1`
  return files.length === 0 ? locked : undefined
}

export async function deleteObject(query: Query, id: string): Promise<void> {
  await query`delete from objects where id = ${id}`
}

/** Notes that no file may refer to these objects any more, where that is so; their bytes go after a grace period. */
export async function orphanObjects(query: Query, objectIds: readonly string[]): Promise<void> {
  await query`
    update objects set orphaned_at = now()
    where id = any(${objectIds}::uuid[]) and not exists (select 1 from files where object_id = objects.id)`
}
