import type { Query } from './connect.ts'

/** An object, by where its bytes should be. `isOrphaned`: no file refers to it, and its bytes are about to go. */
export type InventoryRow = { id: string; key: string; sizeBytes: number; isOrphaned: boolean }

/** Objects of a pool in the order of their keys' bytes, from the one after `afterKey` on. */
export async function listObjectKeys(
  query: Query,
  { poolId, afterKey, limit }: { poolId: string; afterKey: string; limit: number },
): Promise<InventoryRow[]> {
  return query<InventoryRow[]>`
    select id, key, size_bytes, orphaned_at is not null as is_orphaned from objects
    where pool_id = ${poolId} and key collate "C" > ${afterKey} order by key collate "C" limit ${limit}`
}

/** Whether the ledger has any object in a pool. */
export async function hasObjects(query: Query, poolId: string): Promise<boolean> {
  return (await query`select 1 from objects where pool_id = ${poolId} limit 1`).length > 0
}

/** Those of these objects that files still refer to, each with some of those files. */
export async function findObjectFiles(
  query: Query,
  objectIds: readonly string[],
): Promise<{ id: string; fileIds: string[] }[]> {
  return query<{ id: string; fileIds: string[] }[]>`
    select o.id, array(select f.id::text from files f where f.object_id = o.id order by f.id limit 3) as file_ids
    from objects o where o.id = any(${objectIds}::uuid[]) and exists (select from files f where f.object_id = o.id)`
}

/** Those of these keys that nothing refers to: no object, no upload whose staging is open, no output of a task. */
export async function findUnknownKeys(
  query: Query,
  poolId: string,
  things: readonly { key: string; id: string | undefined }[],
): Promise<Set<string>> {
  const keys = things.map(({ key }) => key)
  const ids = things.map(({ id }) => id ?? null)
  const rows = await query<{ key: string }[]>`
    select key from unnest(${keys}::text[], ${ids}::uuid[]) as given (key, id)
    where not exists (select from objects where pool_id = ${poolId} and objects.key collate "C" = given.key)
      and not exists (select from uploads where uploads.task_id = given.id and sink_open)
      and not exists (select from task_outputs where task_outputs.id = given.id)`
  return new Set(rows.map(({ key }) => key))
}

/** `isNoted`: the sweep knows of it. */
export type FilelessObject = { id: string; poolId: string; key: string; sizeBytes: number; isNoted: boolean }

/**
 * Objects that no file refers to and that ought not to be there: nobody noted it, or it was noted longer ago than `graceMs`. In
 * the order of their ids, from the one after `afterId` on.
 */
export async function listFilelessObjects(
  query: Query,
  { afterId, graceMs, limit }: { afterId: string | null; graceMs: number; limit: number },
): Promise<FilelessObject[]> {
  return query<FilelessObject[]>`
    select id, pool_id, key, size_bytes, orphaned_at is not null as is_noted from objects
    where (${afterId}::uuid is null or id > ${afterId}) and not exists (select from files where object_id = objects.id)
      and (orphaned_at is null or orphaned_at < now() - ${graceMs} * interval '1 millisecond')
    order by id limit ${limit}`
}

export type ReceivingUpload = { taskId: string; accountId: string; sinkKey: string; fileSizeBytes: number }

/** Uploads into a pool that receive, in the order of their ids, from the one after `afterId` on; or these of them. */
export async function listReceivingUploads(
  query: Query,
  { poolId, ...which }: { poolId: string } & ({ afterId: string | null; limit: number } | { ids: readonly string[] }),
): Promise<ReceivingUpload[]> {
  const wanted =
    'ids' in which
      ? query`task_id = any(${which.ids}::uuid[])`
      : query`(${which.afterId}::uuid is null or task_id > ${which.afterId})`
  const page = 'ids' in which ? query`` : query`order by task_id limit ${which.limit}`
  return query<ReceivingUpload[]>`
    select task_id, account_id, sink_key, file_size_bytes from uploads
    -- The second is what the index uploads_open is for.
    where pool_id = ${poolId} and phase = 'receiving' and phase <> 'done' and ${wanted} ${page}`
}

/** Of how many uploads that ended longer than `ageMs` ago the pools may still have staging, and one of them. */
export async function countEndedSinks(
  query: Query,
  ageMs: number,
): Promise<{ poolId: string; count: number; taskId: string }[]> {
  return query<{ poolId: string; count: number; taskId: string }[]>`
    select u.pool_id, count(*)::int as count, min(u.task_id::text) as task_id
    from uploads u join tasks t on t.id = u.task_id
    where u.sink_open and u.phase = 'done' and t.completed_at < now() - ${ageMs} * interval '1 millisecond'
    group by u.pool_id`
}
