import { mostTags } from '../contract/file.ts'
import type { Query } from './connect.ts'
import { isLive } from './files.ts'
import { orphanObjects } from './objects.ts'
import { changeUsage } from './usage.ts'

/** Files of one account that are to be changed together. */
export type FileSet = { accountId: string; fileIds: readonly string[] }

type FileState = 'live' | 'trash' | 'any'

function isIn(query: Query, state: FileState) {
  if (state === 'any') return query`true`
  return state === 'live' ? isLive(query) : query`f.deleted_at is not null`
}

/** Those of the set in one state, held until the transaction ends; in the order of their ids, as everywhere. */
function held(query: Query, { accountId, fileIds }: FileSet, state: FileState) {
  return query`(
    select f.id from files f
    where f.id = any(${fileIds}::uuid[]) and f.account_id = ${accountId}
      and ${isIn(query, state)}
    order by f.id for no key update
  )`
}

type Changed = { id: string }[]

/** Those of the set that are in one state. */
export async function findInState(query: Query, files: FileSet, state: 'live' | 'trash'): Promise<string[]> {
  const rows = await query<Changed>`
    select f.id from files f
    where f.id = any(${files.fileIds}::uuid[]) and f.account_id = ${files.accountId}
      and ${isIn(query, state)}`
  return rows.map(({ id }) => id)
}

/** Puts files into a bundle, or with null out of any. Answers those that are there. */
export async function setBundle(query: Query, files: FileSet, bundleId: string | null): Promise<string[]> {
  const rows = await query<Changed>`
    update files set bundle_id = ${bundleId}, updated_at = now() where id in ${held(query, files, 'live')} returning id`
  return rows.map(({ id }) => id)
}

/** Puts files into the trash. Answers those that are there. */
export async function trashFiles(query: Query, files: FileSet): Promise<string[]> {
  const rows = await query<Changed>`
    update files set deleted_at = now(), updated_at = now() where id in ${held(query, files, 'live')} returning id`
  return rows.map(({ id }) => id)
}

/** Takes files out of the trash. Answers those that were in it. */
export async function restoreFiles(query: Query, files: FileSet): Promise<string[]> {
  const rows = await query<Changed>`
    update files set deleted_at = null, updated_at = now() where id in ${held(query, files, 'trash')} returning id`
  return rows.map(({ id }) => id)
}

/** Sets when files expire; null: never. Answers those that are there. */
export async function setExpiry(query: Query, files: FileSet, expiredAt: Date | null): Promise<string[]> {
  const rows = await query<Changed>`
    update files set expired_at = ${expiredAt}, updated_at = now() where id in ${held(query, files, 'live')} returning id`
  return rows.map(({ id }) => id)
}

/** Adds and takes away tags. Answers those files that are there and have not more than `mostTags` then. */
export async function changeTags(
  query: Query,
  files: FileSet,
  { add, remove }: { add: readonly string[]; remove: readonly string[] },
): Promise<string[]> {
  const rows = await query<Changed>`
    with changed as (
      select id, array(
        select distinct tag from unnest(tags || ${add}::text[]) as tag where tag <> all(${remove}::text[]) order by tag
      ) as tags
      from files where id in ${held(query, files, 'live')}
    )
    update files set tags = changed.tags, updated_at = now()
    from changed where files.id = changed.id and cardinality(changed.tags) <= ${mostTags}
    returning files.id`
  return rows.map(({ id }) => id)
}

/**
 * Removes files for good, the live ones unless said otherwise; their bytes go after the grace period when nobody else refers
 * to them. Answers how many.
 */
export async function removeFiles(query: Query, files: FileSet, state: FileState = 'live'): Promise<number> {
  return forget(query, query`delete from files where id in ${held(query, files, state)} returning *`)
}

export type FileChanges = {
  name?: string | undefined
  /** Null: into no bundle. */
  bundleId?: string | null | undefined
  /** In place of all that it has. */
  tags?: readonly string[] | undefined
  /** Null: never. */
  expiredAt?: Date | null | undefined
}

/** Changes what is given of a live file and leaves the rest. False when there is no such file. */
export async function updateFile(
  query: Query,
  { id, accountId }: { id: string; accountId: string },
  { name, bundleId, tags, expiredAt }: FileChanges,
): Promise<boolean> {
  const rows = await query`
    update files as f set updated_at = now(),
      name = ${name ?? query`name`},
      bundle_id = ${bundleId === undefined ? query`bundle_id` : bundleId},
      tags = ${tags === undefined ? query`tags` : [...tags]},
      expired_at = ${expiredAt === undefined ? query`expired_at` : expiredAt}
    where f.id = ${id} and f.account_id = ${accountId} and ${isLive(query)}`
  return rows.count === 1
}

/** Removes files that have lain in the trash for `trashMs`, up to `limit`, and as many that have expired. Answers how many. */
export async function purgeFiles(query: Query, trashMs: number, limit: number): Promise<number> {
  return forget(
    query,
    query`
    delete from files where id in (
      -- Each by its index: of however many there are, only these are looked at.
      select id from (
        select id from files where deleted_at < now() - ${trashMs} * interval '1 millisecond'
        order by deleted_at limit ${limit} for update skip locked
      ) as trash
      union
      select id from (
        select id from files where expired_at < now() order by expired_at limit ${limit} for update skip locked
      ) as expired
    )
    returning *`,
  )
}

/** Runs a statement that removes files and answers them; notes what loses its last file, and what accounts have less. */
async function forget(query: Query, removal: ReturnType<Query>): Promise<number> {
  const gone = await query<{ accountId: string; poolId: string; objectId: string; sizeBytes: number }[]>`
    with gone as (${removal})
    select gone.account_id, o.pool_id, gone.object_id, gone.size_bytes
    from gone join objects o on o.id = gone.object_id`
  await orphanObjects(query, [...new Set(gone.map(({ objectId }) => objectId))])
  await changeUsage(
    query,
    gone.map(({ accountId, poolId, sizeBytes }) => ({ accountId, poolId, usedBytes: -sizeBytes, filesCount: -1 })),
  )
  return gone.length
}
