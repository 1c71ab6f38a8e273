import type { TaskStatus } from '../contract/task.ts'
import type { Query } from './connect.ts'
import { uploadColumns, type UploadRow } from './uploads.ts'

export type UploadSort = 'filename' | 'filesize' | 'createdAt' | 'updatedAt' | 'lastActivity'

export type UploadFilter = {
  accountId: string
  status?: TaskStatus | undefined
  sortBy: UploadSort
  sortDescending: boolean
  offset: number
  limit: number
}

/** A page of an account's uploads, and how many match in all. */
export async function listUploads(
  query: Query,
  filter: UploadFilter,
): Promise<{ uploads: UploadRow[]; total: number }> {
  const [uploads, [counted]] = await Promise.all([
    query<UploadRow[]>`
      with page as (select task_id, row_number() over () as place from (${pageOf(query, filter)}) as sorted)
      select ${uploadColumns(query)} from page join tasks t on t.id = page.task_id join uploads u on u.task_id = page.task_id
      order by page.place`,
    query<[{ total: number }]>`
      select count(*)::int as total from tasks t where ${isListed(query, filter)}`,
  ])
  return { uploads, total: counted.total }
}

/** The type is written out, so that the indexes for uploads alone serve also a plan that was made for any account. */
function isListed(query: Query, { accountId, status }: Pick<UploadFilter, 'accountId' | 'status'>) {
  return query`t.account_id = ${accountId} and t.type = 'FileUpload'
    ${status === undefined ? query`` : query`and t.status = ${status}`}`
}

/** Ids only: what a page leaves out on its way to the offset is never read. */
function pageOf(query: Query, filter: UploadFilter) {
  const { sortBy, sortDescending, offset, limit } = filter
  const way = sortDescending ? query`desc` : query`asc`
  if (sortBy === 'filename' || sortBy === 'filesize') {
    const order =
      sortBy === 'filesize' ? query`u.file_size_bytes ${way}` : query`left(u.file_name, 200) ${way}, u.file_name ${way}`
    return query`
      select u.task_id from uploads u
      ${filter.status === undefined ? query`` : query`join tasks t on t.id = u.task_id and ${isListed(query, filter)}`}
      where u.account_id = ${filter.accountId}
      order by ${order}, u.task_id ${way} limit ${limit} offset ${offset}`
  }
  const columns = {
    createdAt: query`t.created_at`,
    updatedAt: query`t.updated_at`,
    lastActivity: query`t.last_activity`,
  }
  return query`
    select t.id as task_id from tasks t where ${isListed(query, filter)}
    order by ${columns[sortBy]} ${way}, t.id ${way} limit ${limit} offset ${offset}`
}

export type UploadSum = { status: TaskStatus; count: number; progress: number; uploadedBytes: number }

/**
 * An account's uploads by status: how many, how far on average in percent, and how many bytes of them arrived. Both are told
 * by the upload's own count of chunks: the task's progress may lag behind, and stays so when the task ends first. Of those
 * that are complete, which are the most by far, all arrived: two indexes say how many and how large, and no row is read.
 */
export async function sumUploads(query: Query, accountId: string): Promise<UploadSum[]> {
  return query<UploadSum[]>`
    select t.status, count(*)::int as count, 100::float as progress, sum(u.file_size_bytes)::bigint as uploaded_bytes
    from tasks t join uploads u on u.task_id = t.id
    where ${isListed(query, { accountId, status: 'Completed' })} and u.account_id = ${accountId}
    group by t.status
    union all
    select t.status, count(*)::int as count,
      avg(case when u.chunks_count = 0 then 100 else 100.0 * u.chunks_uploaded / u.chunks_count end)::float as progress,
      sum(least(u.file_size_bytes, u.chunks_uploaded::bigint * u.chunk_size_bytes))::bigint as uploaded_bytes
    from tasks t join uploads u on u.task_id = t.id
    where ${isListed(query, { accountId })} and t.status in ('InProgress', 'Paused', 'Failed', 'Cancelled', 'Expired')
    group by t.status`
}

export type UploadPlaces = { poolName: string; bundleName: string | null }

/** Where an upload's file goes. */
export async function findPlaces(query: Query, taskId: string): Promise<UploadPlaces | undefined> {
  const [row] = await query<UploadPlaces[]>`
    select p.name as pool_name, b.name as bundle_name
    from uploads u join pools p on p.id = u.pool_id left join bundles b on b.id = u.bundle_id where u.task_id = ${taskId}`
  return row
}

/**
 * How many bytes of an upload arrived within the last `windowMs`, and in how much time: less than that when it was begun
 * or resumed since.
 */
export async function measureArrival(
  query: Query,
  taskId: string,
  windowMs: number,
): Promise<{ bytes: number; durationMs: number }> {
  const [row] = await query<[{ bytes: number; durationMs: number }]>`
    with since as (
      select greatest(t.created_at, now() - ${windowMs} * interval '1 millisecond', (
        select max(created_at) from task_events e where e.task_id = t.id and e.type = 'task.resumed'
      )) as at
      from tasks t where t.id = ${taskId}
    )
    select coalesce(sum(least(u.chunk_size_bytes, u.file_size_bytes - c.index::bigint * u.chunk_size_bytes)), 0)::bigint as bytes,
      (extract(epoch from now() - max(since.at)) * 1000)::float as duration_ms
    from since left join upload_chunks c on c.task_id = ${taskId} and c.received_at > since.at
      left join uploads u on u.task_id = c.task_id`
  return row
}

export type BrokenUpload = {
  taskId: string
  poolId: string
  sinkKey: string
  epoch: number
  sinkOpen: boolean
  /** Other tasks wait for it, or did. */
  isAwaited: boolean
}

/** An account's uploads after `cursor`, in the order of their ids, that failed or have expired and that nobody holds. */
export async function listBrokenUploads(
  query: Query,
  accountId: string,
  { cursor, limit }: { cursor: string | null; limit: number },
): Promise<BrokenUpload[]> {
  return query<BrokenUpload[]>`
    select u.task_id, u.pool_id, u.sink_key, u.sink_open, t.epoch, t.is_awaited
    from tasks t join uploads u on u.task_id = t.id
    where ${isListed(query, { accountId })} and t.status in ('Failed', 'Expired') and t.lease_expires_at is null
      and (${cursor}::uuid is null or t.id > ${cursor}::uuid)
    order by t.id limit ${limit}`
}

/** Removes those of an account's uploads that failed or have expired and whose staging is gone. Answers how many. */
export async function deleteBrokenUploads(
  query: Query,
  accountId: string,
  taskIds: readonly string[],
): Promise<number> {
  const rows = await query`
    delete from tasks where id in (
      select t.id from tasks t join uploads u on u.task_id = t.id
      where t.id = any(${taskIds}::uuid[]) and ${isListed(query, { accountId })} and t.status in ('Failed', 'Expired')
        and t.lease_expires_at is null and not u.sink_open
      order by t.id for update of t
    )`
  return rows.count
}
