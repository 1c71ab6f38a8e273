import type { TaskStatus } from '../contract/task.ts'
import type { Query } from './connect.ts'
import type { OldThings } from './objects.ts'
import { changeUsage } from './usage.ts'

export type UploadRow = {
  taskId: string
  accountId: string
  status: TaskStatus
  errorCode: string | null
  errorMessage: string | null
  epoch: number
  fileName: string
  fileSizeBytes: number
  contentType: string
  chunkSizeBytes: number
  chunksCount: number
  chunksUploaded: number
  poolId: string
  bundleId: string | null
  declaredSha256: Buffer
  fileExpiredAt: Date | null
  sinkKey: string
  phase: 'receiving' | 'finishing' | 'done'
  tainted: boolean
  damagedChunks: number[] | null
  fileId: string | null
  lastActivity: Date
  createdAt: Date
  updatedAt: Date
}

export type NewUpload = Pick<
  UploadRow,
  | 'taskId'
  | 'accountId'
  | 'fileName'
  | 'fileSizeBytes'
  | 'contentType'
  | 'chunkSizeBytes'
  | 'chunksCount'
  | 'poolId'
  | 'bundleId'
  | 'declaredSha256'
  | 'fileExpiredAt'
  | 'sinkKey'
> & { reservedBytes: number }

export async function insertUpload(query: Query, upload: NewUpload): Promise<void> {
  await query`
    insert into uploads (task_id, account_id, file_name, file_size_bytes, content_type, chunk_size_bytes, chunks_count, pool_id,
      bundle_id, declared_sha256, file_expired_at, sink_key, reserved_bytes)
    values (${upload.taskId}, ${upload.accountId}, ${upload.fileName}, ${upload.fileSizeBytes}, ${upload.contentType},
      ${upload.chunkSizeBytes}, ${upload.chunksCount}, ${upload.poolId}, ${upload.bundleId}, ${upload.declaredSha256},
      ${upload.fileExpiredAt}, ${upload.sinkKey}, ${upload.reservedBytes})`
}

/** What an UploadRow is read from: tasks as t, uploads as u. */
export const uploadColumns = (query: Query) => query`
  u.task_id, t.account_id, t.status, t.error_code, t.error_message, t.epoch, u.file_name, u.file_size_bytes,
  u.content_type, u.chunk_size_bytes, u.chunks_count, u.chunks_uploaded, u.pool_id, u.bundle_id, u.declared_sha256,
  u.file_expired_at, u.sink_key, u.phase, u.tainted, u.damaged_chunks, u.file_id, t.last_activity, t.created_at,
  t.updated_at`

/**
 * An account's upload. `lock` holds its task's row until the transaction ends. Whoever changes both rows changes the task's
 * first, so that no two wait for each other.
 */
export async function findUpload(
  query: Query,
  { taskId, accountId }: { taskId: string; accountId: string },
  options: { lock: boolean } = { lock: false },
): Promise<UploadRow | undefined> {
  // A statement of its own: one that locks and reads at once may wait, and then reads the upload as it was before.
  if (options.lock) await query`select 1 from tasks where id = ${taskId} for no key update`
  const [row] = await query<UploadRow[]>`
    select ${uploadColumns(query)} from tasks t join uploads u on u.task_id = t.id
    where t.id = ${taskId} and t.account_id = ${accountId}`
  return row
}

/**
 * Moves an upload to the phase in which a worker finishes it. One that the ledger was restarted under, or that another
 * server has taken the ledger over under, counts as tainted: a lease may have been forgotten whose holder still writes.
 */
export async function startFinishing(query: Query, taskId: string): Promise<void> {
  await query`
    update uploads set phase = 'finishing', damaged_chunks = null, chunks_uploaded = chunks_count,
      tainted = tainted or pg_postmaster_start_time() > (select created_at from tasks where id = ${taskId})
        or wal_timeline <> ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int
    where task_id = ${taskId}`
}

/** Opens damaged chunks again: they count as not received, and the upload receives once more. */
export async function reopenChunks(
  query: Query,
  reopened: { taskId: string; sinkKey: string; damagedChunks: number[] },
): Promise<void> {
  await query`
    delete from upload_chunks where task_id = ${reopened.taskId} and index = any(${reopened.damagedChunks}::int[])`
  await query`
    update uploads set phase = 'receiving', tainted = false, sink_key = ${reopened.sinkKey},
      damaged_chunks = ${reopened.damagedChunks}::int[],
      chunks_uploaded = chunks_count - ${reopened.damagedChunks.length}
    where task_id = ${reopened.taskId}`
}

/**
 * Ends an upload's own half: done, with its file when there is one. The chunks' rows have served, and what it held of its
 * account's quota is free again.
 */
export async function closeUpload(query: Query, taskId: string, fileId: string | undefined): Promise<void> {
  // The chunks first: whoever takes a lease over locks the chunk and then the upload.
  await query`delete from upload_chunks where task_id = ${taskId}`
  const held = await query<{ accountId: string; poolId: string; reservedBytes: number }[]>`
    with held as (select task_id, account_id, pool_id, reserved_bytes from uploads where task_id = ${taskId} for update)
    update uploads set phase = 'done', file_id = ${fileId ?? null}, reserved_bytes = null
    from held where uploads.task_id = held.task_id and held.reserved_bytes is not null
    returning held.account_id, held.pool_id, held.reserved_bytes`
  const freed = held.map(({ reservedBytes, ...where }) => ({
    ...where,
    reservedBytes: -reservedBytes,
    uploadsCount: -1,
  }))
  await changeUsage(query, freed)
}

/** Records that the pool holds nothing of the upload's staging any more. */
export async function markSinkClosed(query: Query, taskId: string): Promise<void> {
  await query`update uploads set sink_open = false where task_id = ${taskId}`
}

export type OpenSink = Pick<UploadRow, 'taskId' | 'poolId' | 'sinkKey' | 'epoch'> & { keepKey: string | null }

/** Sinks of uploads that have ended so long ago: their clean-up was interrupted. */
export async function findLeftoverSinks(query: Query, { olderThanMs, notIn, limit }: OldThings): Promise<OpenSink[]> {
  return query<OpenSink[]>`
    select u.task_id, u.pool_id, u.sink_key, t.epoch, o.key as keep_key
    from uploads u join tasks t on t.id = u.task_id
      left join files f on f.id = u.file_id left join objects o on o.id = f.object_id
    where u.sink_open and u.phase = 'done' and t.completed_at < now() - ${olderThanMs} * interval '1 millisecond'
      and u.pool_id <> all(${notIn}::uuid[])
    order by u.task_id limit ${limit}`
}

/** Those of these ids that belong neither to an upload whose staging is open nor to an output of a task. */
export async function findUnknownIds(query: Query, ids: readonly string[]): Promise<string[]> {
  const rows = await query<{ id: string }[]>`
    select id from unnest(${ids}::uuid[]) as given (id)
    where not exists (select from uploads where uploads.task_id = given.id and sink_open)
      and not exists (select from task_outputs where task_outputs.id = given.id)`
  return rows.map(({ id }) => id)
}

/** Uploads that receive and of which nothing was heard for `ageMs`. */
export async function findStaleUploads(
  query: Query,
  ageMs: number,
  limit: number,
): Promise<{ taskId: string; accountId: string }[]> {
  return query`
    select u.task_id, t.account_id from uploads u join tasks t on t.id = u.task_id
    where t.status in ('InProgress', 'Paused') and u.phase = 'receiving'
      and t.last_activity < now() - ${ageMs} * interval '1 millisecond'
    limit ${limit}`
}

export type UploadCount = Pick<
  UploadRow,
  'chunksUploaded' | 'chunksCount' | 'fileName' | 'fileSizeBytes' | 'status' | 'poolId'
> & {
  accountId: string
  epoch: number
  progress: number
  lastActivity: Date
}

/** Counts an upload's chunks and notes the figure for lists. Undefined when the upload does not receive any more. */
export async function noteProgress(query: Query, taskId: string): Promise<UploadCount | undefined> {
  const [row] = await query<UploadCount[]>`
    with counted as (
      select u.*, (
        select count(*)::int from upload_chunks c where c.task_id = u.task_id and c.received_at is not null
      ) as received
      from uploads u where u.task_id = ${taskId} and u.phase = 'receiving'
    ), task as (
      update tasks set progress = case when chunks_count = 0 then 100 else 100.0 * received / chunks_count end,
        last_activity = now(), updated_at = now()
      from counted where tasks.id = counted.task_id and tasks.status = 'InProgress'
      returning tasks.*, counted.received
    )
    update uploads set chunks_uploaded = received from task
    where uploads.task_id = task.id and uploads.phase = 'receiving'
    returning uploads.chunks_uploaded, uploads.chunks_count, uploads.file_name, uploads.file_size_bytes, uploads.pool_id,
      task.status, task.account_id, task.epoch, task.progress, task.last_activity, set_config('synchronous_commit', 'off', true)`
  return row
}
