import type { Band, TaskStatus } from '../contract/task.ts'
import { joinRings } from './admission.ts'
import { jsonb, type Query } from './connect.ts'
import { isoNow } from './events.ts'

/** How long a claim lives without a heartbeat. Ledger time alone decides. */
export const leaseMs = 3000

export type Claim = { taskId: string; epoch: number }

/**
 * That a task is claimed: who has it and until when are written together, which the ledger sees to. Not by its lease, for then the index of leases may
 * look cheaper than that of ids while few tasks are claimed, and all that are claimed would be read for each.
 */
export function isHeld(query: Query): ReturnType<Query> {
  return query`claimed_by is not null`
}

export type ClaimedTask = {
  dispatch: number
  id: string
  accountId: string
  type: string
  name: string
  band: Band
  /** The pools that its parameters name. */
  poolIds: string[]
  parameters: unknown
  hasSecrets: boolean
  /** What whoever made it may, as far as pools ask for it. */
  permissions: string[] | null
  checkpoint: unknown
  /** How far earlier claims said they were, in percent. */
  progress: number
  attempts: number
  epoch: number
  /** The trace it is part of. */
  traceparent: string | null
  /** For how long it had been ready. */
  waitedSeconds: number
}

/**
 * Claims tasks for their deliveries, in one statement with their `task.started` events. What is not answered is outdated,
 * not to run, or held by somebody. Rows are locked in the order of their ids, as everywhere where several are; each is looked
 * up by its id, which a join would leave to the planner, who may rather read all that are Pending.
 */
export async function claimTasks(
  query: Query,
  workerId: string,
  deliveries: readonly { taskId: string; dispatch: number }[],
): Promise<ClaimedTask[]> {
  return query<ClaimedTask[]>`
    with wanted as (
      select task.id from (
        select * from unnest(${deliveries.map((one) => one.taskId)}::uuid[], ${deliveries.map((one) => one.dispatch)}::int[])
          as given (task_id, dispatch) order by task_id
      ) as delivery cross join lateral (
        select id from tasks where id = delivery.task_id and dispatch = delivery.dispatch and runnable
          and status in ('Pending', 'InProgress') and (lease_expires_at is null or lease_expires_at < now())
        for no key update
      ) as task
    ), claimed as (
      update tasks set status = 'InProgress', epoch = epoch + 1, attempts = attempts + 1, claimed_by = ${workerId},
        lease_expires_at = now() + ${leaseMs} * interval '1 millisecond', started_at = coalesce(started_at, now()),
        last_seq = last_seq + 1, last_activity = now(), updated_at = now()
      from wanted where tasks.id = wanted.id
      returning tasks.*
    ), told as (
      insert into task_events (task_id, seq, account_id, type, data)
      select id, last_seq, account_id, 'task.started', jsonb_build_object(
        'taskId', id, 'name', name, 'type', type, 'attempt', attempts, 'startedAt', ${isoNow(query)})
      from claimed
    )
    select id, dispatch, account_id, type, name, band, pool_ids, parameters, has_secrets, permissions, checkpoint,
      progress, attempts, epoch, traceparent, extract(epoch from now() - ready_at)::float8 as waited_seconds
    from claimed`
}

/** Those of the claims that are in force. */
export async function listLiveClaims(query: Query, claims: readonly Claim[]): Promise<Claim[]> {
  return query<Claim[]>`
    select claim.task_id, claim.epoch
    from unnest(${claims.map((one) => one.taskId)}::uuid[], ${claims.map((one) => one.epoch)}::int[]) as claim (task_id, epoch)
      cross join lateral (
        select from tasks where id = claim.task_id and epoch = claim.epoch and lease_expires_at > now() limit 1
      ) as task`
}

/** Renews leases. Answers for each claim the status in which it still stands, or undefined when it is lost. */
export async function renewLeases(query: Query, claims: readonly Claim[]): Promise<(TaskStatus | undefined)[]> {
  const rows = await query<{ id: string; epoch: number; status: TaskStatus }[]>`
    update tasks set lease_expires_at = now() + ${leaseMs} * interval '1 millisecond'
    from (
      select task.id from (
        select * from unnest(${claims.map((claim) => claim.taskId)}::uuid[], ${claims.map((claim) => claim.epoch)}::int[])
          as given (task_id, epoch) order by task_id
      ) as claim cross join lateral (
        select id from tasks where id = claim.task_id and epoch = claim.epoch and ${isHeld(query)}
        for no key update
      ) as task
    ) as held
    where tasks.id = held.id
    returning tasks.id, tasks.epoch, tasks.status`
  const standing = new Map(rows.map((row) => [row.id, row]))
  return claims.map(({ taskId, epoch }) => {
    const row = standing.get(taskId)
    return row?.epoch === epoch ? row.status : undefined
  })
}

/** Saves where a run has come to. A claim may do so until it is released, also when the task was paused. */
export async function saveCheckpoint(query: Query, claim: Claim, checkpoint: unknown): Promise<boolean> {
  const rows = await query`
    update tasks set checkpoint = ${jsonb(query, checkpoint)}, last_activity = now(), updated_at = now()
    where id = ${claim.taskId} and epoch = ${claim.epoch} and ${isHeld(query)}`
  return rows.count === 1
}

/** Holds the row of a task that a claim still has until the transaction ends. False when the claim is lost. */
export async function holdClaim(query: Query, claim: Claim): Promise<boolean> {
  const rows = await query`
    select 1 from tasks where id = ${claim.taskId} and epoch = ${claim.epoch} and ${isHeld(query)}
    for no key update`
  return rows.length === 1
}

export type Progress = { percent: number; message: string | null }

/** Notes how far a run is. False when the claim is lost. */
export async function saveProgress(query: Query, claim: Claim, { percent, message }: Progress): Promise<boolean> {
  const rows = await query`
    update tasks set progress = ${percent}, status_message = coalesce(${message}, status_message), last_activity = now(),
      updated_at = now()
    where id = ${claim.taskId} and epoch = ${claim.epoch} and status = 'InProgress' and ${isHeld(query)}`
  return rows.count === 1
}

export type Ending =
  | { status: 'Completed'; results: Record<string, unknown> }
  | { status: 'Failed'; errorCode: string; errorMessage: string }

export type Ended = { endedAt: Date; isAwaited: boolean }

/** Ends a task under its claim. Answers when it ended (ledger time), or undefined when the claim is lost. */
export async function endTask(query: Query, claim: Claim, ending: Ending): Promise<Ended | undefined> {
  const done = ending.status === 'Completed'
  const [row] = await query<Ended[]>`
    update tasks set status = ${ending.status}, runnable = false, lease_expires_at = null, claimed_by = null,
      progress = case when ${done} then 100 else progress end,
      results = ${done ? jsonb(query, ending.results) : null},
      error_code = ${done ? null : ending.errorCode}, error_message = ${done ? null : ending.errorMessage},
      completed_at = now(), last_activity = now(), updated_at = now()
    where id = ${claim.taskId} and epoch = ${claim.epoch} and status = 'InProgress' and ${isHeld(query)}
    returning completed_at as ended_at, is_awaited`
  return row
}

export type Completion = Claim & { results: Record<string, unknown> }

/**
 * Completes several tasks, each under its own claim, in one statement with their `task.completed` events. Answers those
 * that were completed; the rest had lost their claims, or others wait for them, whose release wants a transaction.
 */
export async function completeTasks(
  query: Query,
  completions: readonly Completion[],
): Promise<{ id: string; epoch: number }[]> {
  const results = completions.map((one) => JSON.stringify(one.results))
  return query`
    with wanted as (
      select task.id, done.results::jsonb as results from (
        select * from unnest(${completions.map((one) => one.taskId)}::uuid[], ${completions.map((one) => one.epoch)}::int[],
          ${results}::text[]) as given (task_id, epoch, results) order by task_id
      ) as done cross join lateral (
        select id from tasks where id = done.task_id and epoch = done.epoch and status = 'InProgress'
          and ${isHeld(query)} and not is_awaited
        for no key update
      ) as task
    ), completed as (
      update tasks set status = 'Completed', runnable = false, lease_expires_at = null, claimed_by = null, progress = 100,
        results = wanted.results, completed_at = now(), last_seq = last_seq + 1, last_activity = now(), updated_at = now()
      from wanted where tasks.id = wanted.id
      returning tasks.id, tasks.epoch, tasks.last_seq, tasks.account_id, tasks.name, tasks.type, tasks.results
    ), told as (
      insert into task_events (task_id, seq, account_id, type, data)
      select id, last_seq, account_id, 'task.completed', jsonb_build_object('taskId', id, 'name', name, 'type', type,
        'completedAt', ${isoNow(query)}, 'results', results)
      from completed
    )
    select id, epoch from completed`
}

/** What becomes of a task that its claim gives back. */
export type Release =
  /** To be delivered again after a while: an attempt failed, or (`countsAttempt` false) its worker goes away. */
  | { kind: 'again'; delayMs: number; countsAttempt: boolean }
  /** Not to be delivered before somebody asks for it. */
  | { kind: 'parked' }
  /** It was paused or ended meanwhile; only the claim is dropped. */
  | { kind: 'dropped' }

/** Gives a task back under its claim. False when the claim is lost, or the task is not in a state to be given back so. */
export async function releaseTask(query: Query, claim: Claim, release: Release): Promise<boolean> {
  if (release.kind === 'dropped') return dropClaim(query, claim)
  const again = release.kind === 'again'
  const delayMs = again ? release.delayMs : 0
  const attempts = again && release.countsAttempt ? query`attempts` : again ? query`attempts - 1` : query`0`
  const [row] = await query<{ accountId: string; band: Band }[]>`
    update tasks set status = idle_status, runnable = ${again}, lease_expires_at = null, claimed_by = null,
      dispatch = dispatch + 1, admitted_at = null, attempts = ${attempts},
      ready_at = now() + ${delayMs} * interval '1 millisecond', last_activity = now(), updated_at = now()
    where id = ${claim.taskId} and epoch = ${claim.epoch} and status = 'InProgress' and ${isHeld(query)}
    returning account_id, band`
  if (row && again) await joinRings(query, [row])
  return row !== undefined
}

/** A task that was resumed in the meantime is free to be delivered now. To have been stopped is no failed attempt. */
async function dropClaim(query: Query, claim: Claim): Promise<boolean> {
  const [row] = await query<{ accountId: string; band: Band; runnable: boolean }[]>`
    update tasks set lease_expires_at = null, claimed_by = null,
      status = case when status = 'InProgress' then idle_status else status end,
      attempts = case when status in ('Pending', 'InProgress', 'Paused') then greatest(0, attempts - 1) else attempts end,
      dispatch = dispatch + case when runnable then 1 else 0 end,
      admitted_at = case when runnable then null else admitted_at end, updated_at = now()
    where id = ${claim.taskId} and epoch = ${claim.epoch} and ${isHeld(query)}
    returning account_id, band, runnable`
  if (row?.runnable) await joinRings(query, [row])
  return row !== undefined
}
