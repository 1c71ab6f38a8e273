import type { Sql } from '../../../src/db/connect.ts'
import { textOf, type Told } from './journal.ts'

type Row = { taskId: string; accountId: string; seq: number; type: string; data: Record<string, unknown> }

/** The events of these accounts, by the rooms that they belong to. */
export async function readLedger(sql: Sql, accounts: readonly string[]): Promise<Map<string, Told[]>> {
  const rows = await sql<Row[]>`
    select task_id, account_id, seq, type, data - 'lastProgress' as data from task_events
    where account_id = any(${accounts}::uuid[]) order by task_id, seq`
  const rooms = new Map<string, Told[]>()
  for (const { taskId, accountId, seq, type, data } of rows) {
    const told = { taskId, seq, text: textOf(type, { ...data, seq }) }
    for (const room of [`account:${accountId}`, `task:${taskId}`]) {
      const events = rooms.get(room) ?? []
      rooms.set(room, events)
      events.push(told)
    }
  }
  return rooms
}
