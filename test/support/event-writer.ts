import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Query, Sql } from '../../src/db/connect.ts'
import { appendEvent } from '../../src/db/events.ts'
import type { Signals } from '../../src/db/signals.ts'

/** Adds a task that nobody runs; answers its id. */
export async function insertTask(
  sql: Query,
  account: string,
  { poolId, createdAt }: { poolId?: string; createdAt?: Date } = {},
): Promise<string> {
  const id = randomUUID()
  const parameters = JSON.stringify(poolId === undefined ? {} : { poolId })
  await sql`insert into tasks (id, account_id, type, name, status, parameters, created_at)
    values (${id}, ${account}, 'Test', 'a test', 'InProgress', ${parameters}::text::jsonb, ${createdAt ?? new Date()})`
  return id
}

/** Writes events as a process of ours does: commits them, and says so. */
export type Writer = { sql: Sql; signals: Pick<Signals, 'send'> }

/** Writes one event for each of these tasks in one transaction. */
export async function commitEvents(
  { sql, signals }: Writer,
  taskIds: readonly string[],
  hold: Promise<unknown> = Promise.resolve(),
): Promise<void> {
  // Locked in one order, so that writers wait for each other but never deadlock.
  const ordered = taskIds.toSorted()
  await sql.begin(async (query) => {
    for (const taskId of ordered) await appendEvent(query, { taskId, type: 'task.started', data: { taskId } })
    await hold
  })
  signals.send({ kind: 'events' })
}

/** Writes events in transactions that commit in another order than they began, until it is told to stop. */
export async function writeAtRandom(writer: Writer, taskIds: readonly string[], stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    const chosen = taskIds.filter(() => Math.random() < 0.15)
    await commitEvents(writer, chosen, delay(Math.random() * 10))
  }
}

/** All events of these tasks as the ledger has them. */
export async function ledgerEvents(sql: Sql, taskIds: readonly string[]): Promise<string[]> {
  const rows = await sql<{ taskId: string; seq: number }[]>`
    select task_id, seq from task_events where task_id = any(${taskIds}::uuid[]) order by task_id, seq`
  return rows.map(nameOf)
}

export function nameOf({ taskId, seq }: { taskId: string; seq: number }): string {
  return `${taskId} ${seq}`
}
