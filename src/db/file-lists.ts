import type { Query } from './connect.ts'
import { type FileFilter, isMeant } from './file-filter.ts'
import { fileColumns, type FileRow, isLive } from './files.ts'

export type FilePage = {
  /** Those in the trash, or the live ones. */
  state: 'live' | 'trash'
  sortBy: 'name' | 'size' | 'createdAt' | 'updatedAt' | 'deletedAt'
  sortDescending: boolean
  offset: number
  limit: number
}

/** A page of the files that are meant, and how many there are in all. */
export async function listFiles(
  query: Query,
  filter: FileFilter,
  page: FilePage,
): Promise<{ files: FileRow[]; total: number }> {
  const listed = query`
    ${isMeant(query, filter)} and ${page.state === 'live' ? isLive(query) : query`f.deleted_at is not null`}`
  const way = page.sortDescending ? query`desc` : query`asc`
  const order = {
    name: query`left(f.name, 200) ${way}, f.name ${way}`,
    size: query`f.size_bytes ${way}`,
    createdAt: query`f.created_at ${way}`,
    updatedAt: query`f.updated_at ${way}`,
    deletedAt: query`f.deleted_at ${way}`,
  }
  const [files, [counted]] = await Promise.all([
    query<FileRow[]>`
      with page as (
        select f.id, row_number() over () as place from (
          select f.id from files f where ${listed}
          order by ${order[page.sortBy]}, f.id ${way} limit ${page.limit} offset ${page.offset}
        ) as f
      )
      select ${fileColumns(query)}
      from page join files f on f.id = page.id join objects o on o.id = f.object_id order by page.place`,
    query<[{ total: number }]>`select count(*)::int as total from files f where ${listed}`,
  ])
  return { files, total: counted.total }
}

/** Some of an account's files that lie in the trash. */
export async function listTrash(query: Query, accountId: string, limit: number): Promise<string[]> {
  const rows = await query<{ id: string }[]>`
    select id from files where account_id = ${accountId} and deleted_at is not null order by deleted_at, id limit ${limit}`
  return rows.map(({ id }) => id)
}
