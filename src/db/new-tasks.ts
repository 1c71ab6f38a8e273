import { bandOf } from '../contract/task.ts'
import { joinRings } from './admission.ts'
import type { Query } from './connect.ts'
import { isoNow } from './events.ts'
import { queueKey, type TaskRow } from './tasks.ts'

export type NewTask = {
  id: string
  accountId: string
  type: string
  name: string
  description?: string | null
  status: 'Pending' | 'InProgress'
  parameters: Record<string, unknown>
  hasSecrets?: boolean
  permissions?: readonly string[] | null
  priority: number
  estimatedDurationSeconds?: number | null
  /** The deadline: what has not ended by then expires. */
  expiredAt?: Date | null
  /** To be delivered now. False for an upload that receives, and for what waits for other tasks. */
  runnable: boolean
  waitsFor?: number
  /** The schedule that makes it, and the tick it stands for. */
  scheduleId?: string
  scheduledFor?: Date | null
  /** The trace it is part of. */
  traceparent?: string | undefined
}

/**
 * Writes tasks with their `task.created` events, and answers them in the order given. Whoever calls it has the runnable ones
 * admitted after the commit.
 */
export async function insertTasks(query: Query, tasks: readonly NewTask[]): Promise<TaskRow[]> {
  const rows = tasks.map((task) => ({
    id: task.id,
    account_id: task.accountId,
    type: task.type,
    name: task.name,
    description: task.description ?? null,
    status: task.status,
    parameters: task.parameters,
    has_secrets: task.hasSecrets ?? false,
    permissions: task.permissions ?? null,
    priority: task.priority,
    estimated_duration_seconds: task.estimatedDurationSeconds ?? null,
    expired_at: task.expiredAt?.toISOString() ?? null,
    runnable: task.runnable && (task.waitsFor ?? 0) === 0,
    waits_for: task.waitsFor ?? 0,
    schedule_id: task.scheduleId ?? null,
    scheduled_for: task.scheduledFor?.toISOString() ?? null,
    traceparent: task.traceparent ?? null,
  }))
  const waiting = tasks.filter((task) => task.runnable)
  const members = waiting.map(({ accountId, priority }) => ({ accountId, band: bandOf(priority) }))
  const writing = query<{ at: Date }[]>`
    with created as (
      insert into tasks (id, account_id, type, name, description, status, idle_status, parameters, has_secrets, permissions, priority,
        estimated_duration_seconds, expired_at, runnable, waits_for, schedule_id, scheduled_for, traceparent, last_seq, queue_key)
      select id, account_id, type, name, description, status, status, parameters, has_secrets,
        case when permissions is not null then array(select jsonb_array_elements_text(permissions)) end, priority,
        estimated_duration_seconds, expired_at, runnable, waits_for, schedule_id, scheduled_for, traceparent, 1, ${queueKey(query, query`priority`)}
      from jsonb_to_recordset((select ${JSON.stringify(rows)}::text)::jsonb) as task (id uuid, account_id uuid, type text, name text,
        description text, status text, parameters jsonb, has_secrets boolean, permissions jsonb, priority smallint, estimated_duration_seconds bigint,
        expired_at timestamptz, runnable boolean, waits_for int, schedule_id uuid, scheduled_for timestamptz, traceparent text)
      returning id, account_id, name, type
    ), told as (
      insert into task_events (task_id, seq, account_id, type, data)
      select id, 1, account_id, 'task.created', jsonb_build_object('taskId', id, 'name', name, 'type', type, 'createdAt', ${isoNow(query)})
      from created
    )
    select now() as at`
  const [[written]] = await Promise.all([writing, joinRings(query, members)])
  const at = written?.at ?? new Date()
  return tasks.map((task) => rowOf(task, at))
}

/** A task as it was written: nothing in its row is the ledger's own but the time. */
function rowOf(task: NewTask, at: Date): TaskRow {
  return {
    id: task.id,
    accountId: task.accountId,
    type: task.type,
    name: task.name,
    description: task.description ?? null,
    status: task.status,
    idleStatus: task.status,
    statusMessage: null,
    progress: 0,
    parameters: task.parameters,
    hasSecrets: task.hasSecrets ?? false,
    results: null,
    errorCode: null,
    errorMessage: null,
    priority: task.priority,
    band: bandOf(task.priority),
    estimatedDurationSeconds: task.estimatedDurationSeconds ?? null,
    attempts: 0,
    waitsFor: task.waitsFor ?? 0,
    isAwaited: false,
    lastSeq: 1,
    scheduleId: task.scheduleId ?? null,
    scheduledFor: task.scheduledFor ?? null,
    startedAt: null,
    completedAt: null,
    expiredAt: task.expiredAt ?? null,
    lastActivity: at,
    createdAt: at,
    updatedAt: at,
  }
}
