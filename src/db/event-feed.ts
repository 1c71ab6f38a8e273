import type { Query } from './connect.ts'

/** A fact about a task as the ledger keeps it. `seq` numbers the events of one task from 1. */
export type FeedEvent = {
  taskId: string
  seq: number
  accountId: string
  type: string
  data: Record<string, unknown>
}

export type FeedRead = {
  events: FeedEvent[]
  /** What this read could see: hand it to the next read. Means something to this ledger only. */
  cursor: string
}

/**
 * Answers the events that were committed since the read that gave the cursor: each exactly once, whatever the order in
 * which concurrent transactions commit, and those of one task by rising `seq`. Without a cursor it answers none, and a
 * cursor from which to follow. Must not run inside a transaction that itself writes events.
 */
export async function readNewEvents(sql: Query, cursor: string | undefined): Promise<FeedRead> {
  if (cursor === undefined) return { events: [], cursor: await currentSnapshot(sql) }
  const rows = await sql<Row[]>`
    WITH fresh AS (
      SELECT task_id, seq, account_id, type, data FROM task_events
      WHERE xid >= pg_snapshot_xmax(${cursor}::pg_snapshot)
      UNION ALL
      SELECT task_id, seq, account_id, type, data FROM task_events
      WHERE xid = ANY (ARRAY(SELECT pg_snapshot_xip(${cursor}::pg_snapshot)))
    )
    SELECT pg_current_snapshot()::text AS cursor, fresh.*
    FROM (SELECT) AS always LEFT JOIN fresh ON true
    ORDER BY fresh.task_id, fresh.seq`
  return { events: rows.flatMap(toEvent), cursor: rows[0]?.cursor ?? cursor }
}

type Row = { cursor: string } & (FeedEvent | { taskId: null })

function toEvent(row: Row): FeedEvent[] {
  if (row.taskId === null) return []
  const { taskId, seq, accountId, type, data } = row
  return [{ taskId, seq, accountId, type, data }]
}

async function currentSnapshot(sql: Query): Promise<string> {
  const [row] = await sql<[{ cursor: string }]>`SELECT pg_current_snapshot()::text AS cursor`
  return row.cursor
}
