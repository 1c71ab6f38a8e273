import type { Query } from './connect.ts'
import { type FileFilter, isMeant } from './file-filter.ts'
import { type FileRow, fileColumns } from './files.ts'

/** Which of a pool's files are meant, those in the trash included. */
export type PoolFilter = FileFilter & { poolId: string }

/** Objects of a pool after `cursor` in the order of their ids, each with one of its files that is meant. */
export async function listPoolObjects(
  query: Query,
  filter: PoolFilter,
  { cursor, limit }: { cursor: string | null; limit: number },
): Promise<FileRow[]> {
  return query<FileRow[]>`
    select ${fileColumns(query)}
    from objects o cross join lateral (
      select * from files f where f.object_id = o.id and ${isMeant(query, filter)} order by id limit 1
    ) as f
    where o.pool_id = ${filter.poolId} and (${cursor}::uuid is null or o.id > ${cursor}::uuid)
    order by o.id limit ${limit}`
}

export type PoolSum = { filesCount: number; objectsCount: number; sizeBytes: number }

/** How much there is: the files that are meant, and the objects they refer to, each once. */
export async function sumPoolFiles(query: Query, filter: PoolFilter): Promise<PoolSum> {
  const [sum] = await query<[PoolSum]>`
    select coalesce(sum(files_count), 0)::bigint as files_count, count(*) as objects_count,
      coalesce(sum(size_bytes), 0)::bigint as size_bytes
    from (
      select o.size_bytes, count(*) as files_count from objects o join files f on f.object_id = o.id
      where o.pool_id = ${filter.poolId} and ${isMeant(query, filter)}
      group by o.id
    ) as per_object`
  return sum
}

/** Files of one object that are meant. */
export async function listFilesOf(query: Query, objectIds: readonly string[], filter: PoolFilter): Promise<string[]> {
  const rows = await query<{ id: string }[]>`
    select f.id from files f where f.object_id = any(${objectIds}::uuid[]) and ${isMeant(query, filter)}`
  return rows.map(({ id }) => id)
}
