import type { Query } from './connect.ts'
import { isLive } from './files.ts'

/** Which files are meant; what is not set does not narrow. */
export type FileFilter = {
  /** Undefined: those of every account. */
  accountId: string | undefined
  bundleId?: string | undefined
  /** A type, or all of a kind as `image/*`. */
  contentType?: string | undefined
  /** A name with `*` for any characters and `?` for one, whatever their case. */
  name?: string | undefined
  olderThanDays?: number | undefined
}

/** The condition for a file (as f) to be meant. */
export function isMeant(query: Query, { accountId, bundleId, contentType, name, olderThanDays }: FileFilter) {
  return query`(
    ${accountId === undefined ? query`true` : query`f.account_id = ${accountId}`}
    and ${bundleId === undefined ? query`true` : query`f.bundle_id = ${bundleId}`}
    and ${contentType === undefined ? query`true` : query`f.content_type like ${likePattern(contentType)}`}
    and ${name === undefined ? query`true` : query`f.name ilike ${likePattern(name)}`}
    and ${olderThanDays === undefined ? query`true` : query`f.created_at < now() - ${olderThanDays} * interval '1 day'`}
  )`
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
