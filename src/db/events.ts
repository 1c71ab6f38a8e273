import type { EventType } from '../contract/event.ts'
import { jsonb, type Query } from './connect.ts'

export type NewEvent = { taskId: string; type: EventType; data: Record<string, unknown> }

/**
 * Writes an event as the task's next `seq`, in the transaction of the change it tells of. Locks the task's row.
 * Answers false when the task does not exist.
 */
export async function appendEvent(query: Query, event: NewEvent): Promise<boolean> {
  const rows = await query`
    with task as (
      update tasks set last_seq = last_seq + 1 where id = ${event.taskId} returning id, account_id, last_seq
    )
    insert into task_events (task_id, seq, account_id, type, data)
    select id, last_seq, account_id, ${event.type}, ${jsonb(query, event.data)} from task`
  return rows.count === 1
}

/** The transaction's time as JSON has it: ISO 8601 in UTC with milliseconds. Once a statement, not for each of its rows. */
export function isoNow(query: Query): ReturnType<Query> {
  return query`(select to_char(now() at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`
}

export type EventRow = { seq: number; type: string; data: Record<string, unknown>; createdAt: Date }

/** A task's events after `seq`, oldest first. */
export async function listTaskEvents(query: Query, taskId: string, seq: number): Promise<EventRow[]> {
  return query<EventRow[]>`
    select seq, type, data - 'lastProgress' as data, created_at from task_events
    where task_id = ${taskId} and seq > ${seq} order by seq limit 1000`
}
