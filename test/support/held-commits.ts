import type { Sql } from '../../src/db/connect.ts'
import { until } from './system.ts'

export type HeldCommits = {
  /** Resolves when a worker's transaction waits in its middle. */
  reached: () => Promise<unknown>
  letGo: () => Promise<void>
}

/** Makes every transaction that would add an object wait: the bytes are in their pool, and the rows are not kept. */
export async function holdCommits(sql: Sql): Promise<HeldCommits> {
  const held = await sql.reserve()
  await held`begin`
  // Only a new row that refers to the pool has to wait for this.
  const [self] = await held`select pg_backend_pid() as pid from pools for update`
  return {
    reached: () =>
      until(async () => {
        const [blocked] = await sql`
          select pid from pg_stat_activity
          where datname = current_database() and application_name like '%worker' and ${self?.['pid']} = any(pg_blocking_pids(pid))`
        return blocked
      }),
    letGo: async () => {
      await held`rollback`
      held.release()
    },
  }
}
