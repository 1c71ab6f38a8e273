import type { Query } from './connect.ts'

export type FileRow = {
  id: string
  accountId: string
  name: string
  contentType: string
  bundleId: string | null
  tags: string[]
  expiredAt: Date | null
  deletedAt: Date | null
  createdAt: Date
  updatedAt: Date
  objectId: string
  poolId: string
  objectKey: string
  sizeBytes: number
  sha256: Buffer
}

/** What a FileRow is read from: files as f, objects as o. */
export const fileColumns = (query: Query) => query`
  f.id, f.account_id, f.name, f.content_type, f.bundle_id, f.tags, f.expired_at, f.deleted_at, f.created_at, f.updated_at, f.object_id,
  o.pool_id, o.key as object_key, o.size_bytes, o.sha256`

/** A file (as f) that is neither in the trash nor expired. */
export const isLive = (query: Query) => query`
  (f.deleted_at is null and (f.expired_at is null or f.expired_at > now()))`

/** An account's file that is neither in the trash nor expired. */
export async function findFile(
  query: Query,
  { id, accountId }: { id: string; accountId: string },
): Promise<FileRow | undefined> {
  const [row] = await query<FileRow[]>`
    select ${fileColumns(query)} from files f join objects o on o.id = f.object_id
    where f.id = ${id} and f.account_id = ${accountId} and ${isLive(query)}`
  return row
}

/** Those of the files with these ids that are the account's, and neither in the trash nor expired. */
export async function findFiles(
  query: Query,
  { accountId, ids }: { accountId: string; ids: readonly string[] },
): Promise<FileRow[]> {
  return query<FileRow[]>`
    select ${fileColumns(query)} from files f join objects o on o.id = f.object_id
    where f.id = any(${ids}::uuid[]) and f.account_id = ${accountId} and ${isLive(query)}`
}

export type NewObject = { id: string; poolId: string; key: string; sizeBytes: number; sha256: Buffer }

export async function insertObject(query: Query, object: NewObject): Promise<void> {
  await query`
    insert into objects (id, pool_id, key, size_bytes, sha256)
    values (${object.id}, ${object.poolId}, ${object.key}, ${object.sizeBytes}, ${object.sha256})`
}

export type NewFile = {
  id: string
  accountId: string
  objectId: string
  bundleId: string | null
  name: string
  contentType: string
  expiredAt: Date | null
}

/** When a file that comes into a pool (as p) expires: as it is said of it, else as the pool has it. */
export const expiryIn = (query: Query, said: ReturnType<Query>) => query`
  coalesce(${said}, now() + (p.policy->>'defaultExpirySeconds')::float8 * interval '1 second')`

/** Adds a file on an object and answers it whole. */
export async function insertFile(query: Query, file: NewFile): Promise<FileRow> {
  const [row] = await query<[FileRow]>`
    with f as (
      insert into files (id, account_id, object_id, bundle_id, name, content_type, size_bytes, expired_at)
      select ${file.id}, ${file.accountId}, o.id, ${file.bundleId}, ${file.name}, ${file.contentType}, o.size_bytes,
        ${expiryIn(query, query`${file.expiredAt}::timestamptz`)}
      from objects o join pools p on p.id = o.pool_id where o.id = ${file.objectId}
      returning *
    )
    select ${fileColumns(query)} from f join objects o on o.id = f.object_id`
  return row
}

/**
 * An object with these bytes that the account itself holds through a file of its own, in the given pool. What others
 * hold is never found, so a hash alone yields nothing.
 */
export async function findOwnObject(
  query: Query,
  wanted: { accountId: string; poolId: string; sha256: Buffer; sizeBytes: number },
): Promise<{ objectId: string; objectKey: string } | undefined> {
  const [row] = await query<{ objectId: string; objectKey: string }[]>`
    select o.id as object_id, o.key as object_key from objects o join files f on f.object_id = o.id
    where o.sha256 = ${wanted.sha256} and o.size_bytes = ${wanted.sizeBytes} and o.pool_id = ${wanted.poolId}
      and f.account_id = ${wanted.accountId} and ${isLive(query)}
    limit 1`
  return row
}
