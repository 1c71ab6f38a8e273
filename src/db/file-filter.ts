import type { Query } from './connect.ts'
import { isLive } from './files.ts'

/** Which files are meant; what is not set does not narrow. */
export type FileFilter = {
  /** Undefined: those of every account. */
  accountId: string | undefined
  /** Null: those in no bundle. */
  bundleId?: string | null | undefined
  tag?: string | undefined
  poolId?: string | undefined
  minSizeBytes?: number | undefined
  maxSizeBytes?: number | undefined
  createdAfter?: Date | undefined
  createdBefore?: Date | undefined
  /** A type, or all of a kind as `image/*`. */
  contentType?: string | undefined
  /** A name with `*` for any characters and `?` for one, whatever their case. */
  name?: string | undefined
  olderThanDays?: number | undefined
}

/** The condition for a file (as f) to be meant. */
export function isMeant(query: Query, filter: FileFilter) {
  const { accountId, bundleId, contentType, name, olderThanDays, tag, poolId } = filter
  const { minSizeBytes, maxSizeBytes, createdAfter, createdBefore } = filter
  const conditions = [
    accountId === undefined ? undefined : query`f.account_id = ${accountId}`,
    bundleId === undefined
      ? undefined
      : bundleId === null
        ? query`f.bundle_id is null`
        : query`f.bundle_id = ${bundleId}`,
    contentType === undefined ? undefined : query`f.content_type like ${likePattern(contentType)}`,
    name === undefined ? undefined : query`f.name ilike ${likePattern(name)}`,
    olderThanDays === undefined ? undefined : query`f.created_at < now() - ${olderThanDays} * interval '1 day'`,
    tag === undefined ? undefined : query`${tag} = any(f.tags)`,
    poolId === undefined
      ? undefined
      : query`exists (select 1 from objects where id = f.object_id and pool_id = ${poolId})`,
    minSizeBytes === undefined ? undefined : query`f.size_bytes >= ${minSizeBytes}`,
    maxSizeBytes === undefined ? undefined : query`f.size_bytes <= ${maxSizeBytes}`,
    createdAfter === undefined ? undefined : query`f.created_at >= ${createdAfter}`,
    createdBefore === undefined ? undefined : query`f.created_at < ${createdBefore}`,
  ].filter((condition) => condition !== undefined)
  return conditions.reduce((all, condition) => query`${all} and ${condition}`, query`true`)
}

/** A pattern with `*` and `?` as LIKE spells it. */
function likePattern(glob: string): string {
  return glob
    .replace(/[\\%_]/g, '\\$&')
    .replaceAll('*', '%')
    .replaceAll('?', '_')
}

/** The ids of the files that are meant, in order, after `cursor` and no younger than `until`: those in the trash, or the live ones. */
export async function listMeant(
  query: Query,
  filter: FileFilter,
  page: { state: 'live' | 'trash'; cursor: string | null; until: Date; limit: number },
): Promise<string[]> {
  const rows = await query<{ id: string }[]>`
    select f.id from files f
    where ${isMeant(query, filter)} and ${page.state === 'live' ? isLive(query) : query`f.deleted_at is not null`}
      and (${page.cursor}::uuid is null or f.id > ${page.cursor}::uuid) and f.created_at <= ${page.until}
    order by f.id limit ${page.limit}`
  return rows.map(({ id }) => id)
}
