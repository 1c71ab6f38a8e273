import type { Query } from './connect.ts'
import { isLive } from './files.ts'

export type BundleFields = {
  name: string
  description: string | null
  slug: string | null
  isShared: boolean
  passcodeHash: string | null
  expiredAt: Date | null
}

export type BundleRow = BundleFields & {
  id: string
  accountId: string
  filesCount: number
  sizeBytes: number
  createdAt: Date
  updatedAt: Date
}

export type WantedBundle = { id: string; accountId: string }

/** What a BundleRow is read from: bundles as b. Of the files in it those count that can be seen. */
const bundleColumns = (query: Query) => query`
  b.id, b.account_id, b.name, b.description, b.slug, b.is_shared, b.passcode_hash, b.expired_at, b.created_at, b.updated_at,
  (select count(*) from files f where f.bundle_id = b.id and ${isLive(query)}) as files_count,
  (select coalesce(sum(f.size_bytes), 0)::bigint from files f where f.bundle_id = b.id and ${isLive(query)}) as size_bytes`

/** Adds a bundle. False when another one has its slug. */
export async function insertBundle(
  query: Query,
  { id, accountId }: WantedBundle,
  fields: BundleFields,
): Promise<boolean> {
  const rows = await query`
    insert into bundles (id, account_id, name, description, slug, is_shared, passcode_hash, expired_at)
    values (${id}, ${accountId}, ${fields.name}, ${fields.description}, ${fields.slug}, ${fields.isShared},
      ${fields.passcodeHash}, ${fields.expiredAt})
    on conflict (slug) where slug is not null do nothing`
  return rows.count === 1
}

/** An account's bundle. `lock` holds its row until the transaction ends. */
export async function findBundle(
  query: Query,
  { id, accountId }: WantedBundle,
  options: { lock: boolean } = { lock: false },
): Promise<BundleRow | undefined> {
  const [row] = await query<BundleRow[]>`
    select ${bundleColumns(query)} from bundles b where b.id = ${id} and b.account_id = ${accountId}
    ${options.lock ? query`for update of b` : query``}`
  return row
}

/** The bundle that is shared under a slug, expired or not. */
export async function findSharedBundle(query: Query, slug: string): Promise<BundleRow | undefined> {
  const [row] = await query<
    BundleRow[]
  >`select ${bundleColumns(query)} from bundles b where b.slug = ${slug} and b.is_shared`
  return row
}

export type BundlePage = {
  accountId: string
  shared?: boolean | undefined
  sortBy: 'name' | 'createdAt' | 'updatedAt'
  sortDescending: boolean
  offset: number
  limit: number
}

/** A page of an account's bundles, and how many match in all. */
export async function listBundles(query: Query, page: BundlePage): Promise<{ bundles: BundleRow[]; total: number }> {
  const listed = query`b.account_id = ${page.accountId}
    ${page.shared === undefined ? query`` : query`and b.is_shared = ${page.shared}`}`
  const way = page.sortDescending ? query`desc` : query`asc`
  const columns = { name: query`b.name`, createdAt: query`b.created_at`, updatedAt: query`b.updated_at` }
  const [bundles, [counted]] = await Promise.all([
    query<BundleRow[]>`
      select ${bundleColumns(query)} from bundles b where ${listed}
      order by ${columns[page.sortBy]} ${way}, b.id ${way} limit ${page.limit} offset ${page.offset}`,
    query<[{ total: number }]>`select count(*)::int as total from bundles b where ${listed}`,
  ])
  return { bundles, total: counted.total }
}

/** Writes a bundle's fields anew. Fails with a unique violation when another one has its slug. */
export async function updateBundle(query: Query, id: string, fields: BundleFields): Promise<void> {
  await query`
    update bundles set name = ${fields.name}, description = ${fields.description}, slug = ${fields.slug},
      is_shared = ${fields.isShared}, passcode_hash = ${fields.passcodeHash}, expired_at = ${fields.expiredAt},
      updated_at = now()
    where id = ${id}`
}

/** True when something lies in a bundle, be it in the trash. */
export async function hasFiles(query: Query, bundleId: string): Promise<boolean> {
  return (await query`select 1 from files where bundle_id = ${bundleId} limit 1`).length === 1
}

/** Removes a bundle. Its files go into the trash or stay, and belong to none; so do those that are on their way into it. */
export async function deleteBundle(query: Query, id: string, files: 'keep' | 'delete'): Promise<void> {
  const deletedAt = files === 'delete' ? query`coalesce(deleted_at, now())` : query`deleted_at`
  await query`
    update files set bundle_id = null, deleted_at = ${deletedAt}, updated_at = now()
    where id in (select id from files where bundle_id = ${id} order by id for no key update)`
  await query`update uploads set bundle_id = null where bundle_id = ${id}`
  await query`delete from bundles where id = ${id}`
}

/** Lets whoever has the token read a bundle for `forMs`. */
export async function grantAccess(
  query: Query,
  { bundleId, tokenSha256 }: { bundleId: string; tokenSha256: Buffer },
  forMs: number,
): Promise<Date> {
  const [row] = await query<[{ expiresAt: Date }]>`
    insert into bundle_accesses (token_sha256, bundle_id, expires_at)
    values (${tokenSha256}, ${bundleId}, now() + ${forMs} * interval '1 millisecond') returning expires_at`
  return row.expiresAt
}

export async function hasAccess(query: Query, bundleId: string, tokenSha256: Buffer): Promise<boolean> {
  const rows = await query`
    select 1 from bundle_accesses where token_sha256 = ${tokenSha256} and bundle_id = ${bundleId} and expires_at > now()`
  return rows.length === 1
}

/** Takes every access to a bundle back that was granted. */
export async function revokeAccesses(query: Query, bundleId: string): Promise<void> {
  await query`delete from bundle_accesses where bundle_id = ${bundleId}`
}

/** Forgets accesses that have run out. Answers how many. */
export async function deleteExpiredAccesses(query: Query): Promise<number> {
  return (await query`delete from bundle_accesses where expires_at < now()`).count
}
