import { type Claim, isHeld } from './claims.ts'
import { jsonb, type Query } from './connect.ts'
import { expiryIn } from './files.ts'
import { type OldThings, orphanObjects } from './objects.ts'
import type { UsageChange } from './usage.ts'

/** An output whose bytes are durable in its pool. */
export type FinishedOutput = {
  id: string
  slot: string
  poolId: string
  key: string
  sizeBytes: number
  sha256: Buffer
}

/** How far an output is that is not finished: in its pool's words, and in its job's. Plain JSON. */
export type OutputCheckpoint = { slot: string; sizeBytes: number; state?: string | undefined; note: unknown }

export type OutputRow = { id: string; epoch: number; poolId: string } & (
  | { key: null; slot: null; sizeBytes: null; sha256: null; checkpoint: OutputCheckpoint | null }
  | (Pick<FinishedOutput, 'key' | 'slot' | 'sizeBytes' | 'sha256'> & { checkpoint: null })
)

/**
 * Notes that a claim is about to write outputs into a pool. False when the claim is lost, or the pool takes nothing new, and
 * then nothing is noted. Whoever has the pool take nothing waits for this.
 */
export async function reserveOutputs(
  query: Query,
  claim: Claim,
  { poolId, ids, alsoDisabled }: { poolId: string; ids: readonly string[]; alsoDisabled: boolean },
): Promise<boolean> {
  const rows = await query`
    with place as (
      select id from pools
      where id = ${poolId} and deleted_at is null and (${alsoDisabled} or disabled_at is null) for key share
    )
    insert into task_outputs (id, task_id, epoch, pool_id)
    select reserved.id, tasks.id, tasks.epoch, place.id
    from place, tasks, unnest(${ids}::uuid[]) as reserved (id)
    where tasks.id = ${claim.taskId} and tasks.epoch = ${claim.epoch} and ${isHeld(query)}`
  return rows.count === ids.length
}

/** Notes how far an output is. False when the claim is lost. A claim may do so until it is released. */
export async function saveOutput(
  query: Query,
  claim: Claim,
  id: string,
  checkpoint: OutputCheckpoint,
): Promise<boolean> {
  const rows = await query`
    update task_outputs set checkpoint = ${jsonb(query, checkpoint)}
    from tasks
    where task_outputs.id = ${id} and task_id = ${claim.taskId} and key is null
      and tasks.id = ${claim.taskId} and tasks.epoch = ${claim.epoch} and ${isHeld(query)}`
  return rows.count === 1
}

/** Notes that outputs are finished. False when a later claim has the task. */
export async function finishOutputs(query: Query, claim: Claim, outputs: readonly FinishedOutput[]): Promise<boolean> {
  const finished = outputs.map(({ id, slot, key, sizeBytes, sha256 }) => {
    return { id, slot, key, size_bytes: sizeBytes, sha256: sha256.toString('hex') }
  })
  const rows = await query`
    update task_outputs set slot = done.slot, key = done.key, size_bytes = done.size_bytes,
      sha256 = decode(done.sha256, 'hex'), checkpoint = null
    from jsonb_to_recordset(${jsonb(query, finished)}) as done (id uuid, slot text, key text, size_bytes bigint,
      sha256 text), tasks
    where task_outputs.id = done.id and task_outputs.task_id = ${claim.taskId}
      and tasks.id = ${claim.taskId} and tasks.epoch = ${claim.epoch}`
  return rows.count === outputs.length
}

/** What a task has written so far and was not discarded. */
export async function listOutputs(query: Query, taskId: string): Promise<OutputRow[]> {
  return query<OutputRow[]>`
    select id, epoch, pool_id, slot, key, size_bytes, sha256, checkpoint from task_outputs
    where task_id = ${taskId} and discarded_at is null`
}

export type OutputFile = {
  outputId: string
  fileId: string
  objectId: string
  name: string
  contentType: string
  bundleId: string | null
  expiredAt: Date | null
}

/**
 * Turns finished outputs of a task into files of its account; to be run in the transaction that ends the task. Answers what
 * the account has more now, an entry for each file: fewer than asked for when one was not there, and then the transaction
 * must not be kept.
 */
export async function commitOutputs(
  query: Query,
  taskId: string,
  files: readonly OutputFile[],
): Promise<UsageChange[]> {
  const wanted = files.map((file) => ({
    output_id: file.outputId,
    file_id: file.fileId,
    object_id: file.objectId,
    name: file.name,
    content_type: file.contentType,
    bundle_id: file.bundleId,
    expired_at: file.expiredAt?.toISOString() ?? null,
  }))
  const made = await query<{ accountId: string; poolId: string; sizeBytes: number }[]>`
    with wanted as (
      select * from jsonb_to_recordset(${jsonb(query, wanted)}) as file (output_id uuid, file_id uuid, object_id uuid,
        name text, content_type text, bundle_id uuid, expired_at timestamptz)
    ), taken as (
      delete from task_outputs using wanted
      where task_outputs.id = output_id and task_id = ${taskId} and key is not null
      returning wanted.*, pool_id, key, size_bytes, sha256
    ), stored as (
      insert into objects (id, pool_id, key, size_bytes, sha256)
      select object_id, pool_id, key, size_bytes, sha256 from taken
    ), made as (
      insert into files (id, account_id, object_id, bundle_id, name, content_type, size_bytes, expired_at)
      select file_id, account_id, object_id, bundle_id, taken.name, content_type, size_bytes,
        ${expiryIn(query, query`taken.expired_at`)}
      from taken join pools p on p.id = taken.pool_id, tasks where tasks.id = ${taskId}
      returning account_id, object_id
    )
    select made.account_id, taken.pool_id, taken.size_bytes from made join taken using (object_id)`
  return made.map(({ accountId, poolId, sizeBytes }) => ({ accountId, poolId, usedBytes: sizeBytes, filesCount: 1 }))
}

export type ObjectSwitch = { outputId: string; objectId: string; fromObjectId: string }

/**
 * Has every file of an object refer to a finished output instead, which holds the same bytes in another pool. Files that
 * refer to something else by now stay as they are. Answers the ids of the files that were moved, and what their accounts
 * have where now.
 */
export async function switchObjects(
  query: Query,
  taskId: string,
  switches: readonly ObjectSwitch[],
  fileIds: readonly string[] | 'all',
): Promise<{ fileIds: string[]; changes: UsageChange[] }> {
  const wanted = switches.map((one) => ({
    output_id: one.outputId,
    object_id: one.objectId,
    from_object_id: one.fromObjectId,
  }))
  const rows = await query<
    { id: string; accountId: string; sizeBytes: number; fromPoolId: string; toPoolId: string }[]
  >`
    with wanted as (
      select * from jsonb_to_recordset(${jsonb(query, wanted)}) as switch (output_id uuid, object_id uuid,
        from_object_id uuid)
    ), held as (
      select files.id, wanted.output_id, wanted.object_id, from_object_id from files join wanted on files.object_id = from_object_id
      where ${fileIds === 'all' ? query`true` : query`files.id = any(${fileIds}::uuid[])`}
      order by files.id for no key update of files
    ), taken as (
      delete from task_outputs using held
      where task_outputs.id = held.output_id and task_id = ${taskId} and key is not null
      returning task_outputs.*
    ), stored as (
      insert into objects (id, pool_id, key, size_bytes, sha256)
      select wanted.object_id, pool_id, key, size_bytes, sha256 from taken join wanted on wanted.output_id = taken.id
    )
    update files set object_id = held.object_id, updated_at = now()
    from held join taken on taken.id = held.output_id join objects old on old.id = held.from_object_id
    where files.id = held.id
    returning files.id, files.account_id, files.size_bytes, old.pool_id as from_pool_id, taken.pool_id as to_pool_id`
  await orphanObjects(
    query,
    switches.map((one) => one.fromObjectId),
  )
  const changes = rows.flatMap(({ accountId, sizeBytes, fromPoolId, toPoolId }) => [
    { accountId, poolId: fromPoolId, usedBytes: -sizeBytes, filesCount: -1 },
    { accountId, poolId: toPoolId, usedBytes: sizeBytes, filesCount: 1 },
  ])
  return { fileIds: rows.map(({ id }) => id), changes }
}

export type Leftover = { id: string; epoch: number; poolId: string }

/**
 * Outputs of tasks that have ended so long ago, or are gone: nobody will commit them. From here on they count as unfinished,
 * so that a task that is tried again does not rely on them. Those in pools of `notIn` are left as they are.
 */
export async function takeLeftoverOutputs(query: Query, { olderThanMs, notIn, limit }: OldThings): Promise<Leftover[]> {
  return query<Leftover[]>`
    with ended as (
      select o.id from task_outputs o left join tasks t on t.id = o.task_id
      where o.discarded_at is null and o.pool_id <> all(${notIn}::uuid[])
        and (t.id is null or (t.lease_expires_at is null and t.completed_at < now() - ${olderThanMs} * interval '1 millisecond'
          and t.status in ('Completed', 'Failed', 'Cancelled', 'Expired')))
      order by o.id limit ${limit} for update of o skip locked
    )
    update task_outputs set slot = null, key = null, size_bytes = null, sha256 = null, checkpoint = null
    from ended where task_outputs.id = ended.id
    returning task_outputs.id, epoch, pool_id`
}

/** Has a task rely on nothing that it wrote: its next claim begins everything anew. */
export async function disownOutputs(query: Query, taskId: string): Promise<void> {
  await query`
    update task_outputs set slot = null, key = null, size_bytes = null, sha256 = null, checkpoint = null
    where task_id = ${taskId}`
}

/** Notes that the bytes of outputs were removed, and forgets how far they had been. */
export async function markDiscarded(query: Query, ids: readonly string[]): Promise<void> {
  await query`update task_outputs set discarded_at = now(), checkpoint = null where id = any(${ids}::uuid[])`
}

/** Outputs whose bytes were removed so long ago, but not those in pools of `notIn`. */
export async function findDiscardedOutputs(
  query: Query,
  { olderThanMs, notIn, limit }: OldThings,
): Promise<Leftover[]> {
  return query<Leftover[]>`
    select id, epoch, pool_id from task_outputs
    where discarded_at < now() - ${olderThanMs} * interval '1 millisecond' and pool_id <> all(${notIn}::uuid[])
    order by id limit ${limit}`
}

/** Forgets outputs whose bytes are gone. */
export async function deleteOutputs(query: Query, ids: readonly string[]): Promise<void> {
  await query`delete from task_outputs where id = any(${ids}::uuid[])`
}
