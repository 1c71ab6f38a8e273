import type { TaskStatus } from '../contract/task.ts'
import type { Query } from './connect.ts'

/** A chunk's lease lives so long after the last byte of its body. */
const chunkLeaseMs = 10_000

export type ChunkLease = { taskId: string; index: number; token: string }

export type LeaseAttempt = {
  status: TaskStatus
  phase: 'receiving' | 'finishing' | 'done'
  sinkKey: string
  granted: boolean
  received: boolean
  /** Until when somebody else holds the chunk, in milliseconds from now; null when nobody was seen to. */
  heldForMs: number | null
}

/**
 * Tries to take the lease on one chunk, and tells why not in the same round trip. A lease that has run out is taken
 * over; the upload is then marked as tainted, because the former holder may still write. Undefined: no such upload.
 */
export async function leaseChunk(
  query: Query,
  lease: ChunkLease & { accountId: string },
): Promise<LeaseAttempt | undefined> {
  const [row] = await query<LeaseAttempt[]>`
    with upload as (
      select u.task_id, u.sink_key, u.phase, t.status from tasks t join uploads u on u.task_id = t.id
      where t.id = ${lease.taskId} and t.account_id = ${lease.accountId}
    ), lease as (
      insert into upload_chunks (task_id, index, lease_token, lease_expires_at)
      select task_id, ${lease.index}, ${lease.token}::uuid, now() + ${chunkLeaseMs} * interval '1 millisecond'
      from upload where phase = 'receiving' and status = 'InProgress'
      on conflict (task_id, index) do update
        set lease_token = excluded.lease_token, lease_expires_at = excluded.lease_expires_at
        where upload_chunks.received_at is null and upload_chunks.lease_expires_at < now()
      returning xmax::text <> '0' as taken_over
    ), taint as (
      update uploads set tainted = true from lease where taken_over and uploads.task_id = ${lease.taskId}
    )
    select upload.status, upload.phase, upload.sink_key, lease.taken_over is not null as granted,
      held.received_at is not null as received,
      (extract(epoch from held.lease_expires_at - now()) * 1000)::float as held_for_ms,
      -- A lease that a crash of the ledger forgets is made up for when finishing begins (startFinishing), so that
      -- taking it need not wait for the disk.
      set_config('synchronous_commit', 'off', true)
    from upload left join lease on true
      left join upload_chunks held on held.task_id = upload.task_id and held.index = ${lease.index}`
  return row
}

/** Keeps a lease alive. False when it was lost. */
export async function renewChunk(query: Query, lease: ChunkLease): Promise<boolean> {
  const rows = await query`
    update upload_chunks set lease_expires_at = now() + ${chunkLeaseMs} * interval '1 millisecond'
    where task_id = ${lease.taskId} and index = ${lease.index} and lease_token = ${lease.token}::uuid`
  return rows.count === 1
}

/** Makes a chunk count. False when the lease was lost: then nothing of it counts. */
export async function commitChunk(query: Query, lease: ChunkLease, checksum: Buffer): Promise<boolean> {
  const rows = await query`
    update upload_chunks set received_at = now(), checksum = ${checksum}, lease_token = null, lease_expires_at = null
    where task_id = ${lease.taskId} and index = ${lease.index} and lease_token = ${lease.token}::uuid`
  return rows.count === 1
}

/**
 * Makes chunks count that came into the pool without us, unless somebody else is sending them just now or the upload does not
 * receive any more, into this sink. Answers the indexes of those that count now.
 */
export async function takeChunks(query: Query, { taskId, accountId, sinkKey, chunks }: TakenChunks): Promise<number[]> {
  const rows = await query<{ index: number }[]>`
    insert into upload_chunks (task_id, index, checksum, received_at)
    select u.task_id, given.index, decode(given.md5, 'hex'), now()
    from tasks t join uploads u on u.task_id = t.id,
      unnest(${chunks.map(({ index }) => index)}::int[], ${chunks.map(({ md5 }) => md5.toString('hex'))}::text[]) as given (index, md5)
    where t.id = ${taskId} and t.account_id = ${accountId} and t.status = 'InProgress' and u.phase = 'receiving'
      and u.sink_key = ${sinkKey}
    on conflict (task_id, index) do update
      set checksum = excluded.checksum, received_at = excluded.received_at, lease_token = null, lease_expires_at = null
      where upload_chunks.received_at is not null or upload_chunks.lease_expires_at < now()
    returning index`
  return rows.map(({ index }) => index).sort((a, b) => a - b)
}

type TakenChunks = {
  taskId: string
  accountId: string
  sinkKey: string
  chunks: readonly { index: number; md5: Buffer }[]
}

/** Gives a lease back, so that the chunk can be sent again at once. */
export async function releaseChunk(query: Query, lease: ChunkLease): Promise<void> {
  await query`
    delete from upload_chunks
    where task_id = ${lease.taskId} and index = ${lease.index} and lease_token = ${lease.token}::uuid`
}

/** The indexes that are safely there, ascending. */
export async function listReceived(query: Query, taskId: string): Promise<number[]> {
  const [row] = await query<[{ indexes: number[] | null }]>`
    select array_agg(index order by index) as indexes from upload_chunks
    where task_id = ${taskId} and received_at is not null`
  return row.indexes ?? []
}

/** The indexes that are not there yet, ascending. */
export async function listMissing(query: Query, taskId: string, chunksCount: number): Promise<number[]> {
  const received = new Set(await listReceived(query, taskId))
  return Array.from({ length: chunksCount }, (_, index) => index).filter((index) => !received.has(index))
}

/** Every chunk's checksum, by index. */
export async function listChecksums(query: Query, taskId: string): Promise<Map<number, Buffer>> {
  const rows = await query<{ index: number; checksum: Buffer }[]>`
    select index, checksum from upload_chunks where task_id = ${taskId} and received_at is not null`
  return new Map(rows.map((row) => [row.index, row.checksum]))
}
