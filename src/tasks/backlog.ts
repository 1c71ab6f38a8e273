import { countWaiting, type WaitingRow } from '../db/bands.ts'
import type { Sql } from '../db/connect.ts'
import { kept } from '../kept.ts'

/** Answers how many tasks wait of each band and type. */
export type Backlog = () => Promise<WaitingRow[]>

/** So few are counted whenever somebody asks. */
const fewTasks = 10_000
/** Counting more takes a twentieth of the time at most. */
const restPerCount = 20

/**
 * Counts what waits for whoever wants to know: exactly, and the longer that takes the more seldom. So a million waiting tasks
 * cost the ledger no more than a hundred.
 */
export function followBacklog(sql: Sql): Backlog {
  return kept(
    (rows, tookMs) => (rows.reduce((sum, { waiting }) => sum + waiting, 0) <= fewTasks ? 0 : tookMs * restPerCount),
    () => countWaiting(sql),
  )
}
