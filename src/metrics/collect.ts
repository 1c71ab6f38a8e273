import { listBands, queueOf, type WaitingRow } from '../db/bands.ts'
import type { Sql } from '../db/connect.ts'
import { countWorkers } from '../db/workers.ts'

/** A figure as it is at the moment, one row for each set of labels. */
export type GaugeRows = {
  name: string
  help: string
  rows: readonly { labels: Record<string, string>; value: number }[]
}

/** Reads figures and gives them to `set`. */
export type Collect = (set: (gauge: GaugeRows) => void) => Promise<void>

/** A pool, and whether it can be used. */
export type PoolState = { poolId: string; problem: unknown; freeBytes?: number | null | undefined }

type CollectDeps = {
  sql: Sql
  /** What waits in the ledger. */
  backlog: () => Promise<readonly WaitingRow[]>
  checkPools: () => Promise<readonly PoolState[]>
}

const withinMs = 3000
/** Workers say that they are there every 5 s. */
const workerSeenWithinMs = 15_000

/**
 * How the queues and pools stand, by the ledger. Every API process tells the same. Where the ledger does not answer in time
 * `longshore_ledger_up` says so, and the rest is missing.
 */
export function ledgerCollect({ sql, backlog, checkPools }: CollectDeps): Collect {
  return async (set) => {
    const read = Promise.all([listBands(sql), backlog(), countWorkers(sql, workerSeenWithinMs), checkPools()])
    const answer = await Promise.race([read, timeOut()]).catch(() => undefined)
    set(one('longshore_ledger_up', 'Whether Postgres answered within 3 s.', answer ? 1 : 0))
    if (!answer) return
    const [rows, waitingRows, workers, pools] = answer
    const bands = rows.map((row) => ({ ...row, ...queueOf(row, waitingRows) }))
    set({
      name: 'longshore_queue_tasks',
      help: 'Tasks that wait for a worker, were handed to the queue, or run.',
      rows: bands.flatMap(({ band, waiting, admitted, running }) => [
        { labels: { band, state: 'waiting' }, value: waiting },
        { labels: { band, state: 'admitted' }, value: admitted },
        { labels: { band, state: 'running' }, value: running },
      ]),
    })
    set({
      name: 'longshore_queue_oldest_wait_seconds',
      help: 'How long the task has waited that waits longest.',
      rows: bands.map(({ band, oldestWaitSeconds }) => ({ labels: { band }, value: oldestWaitSeconds })),
    })
    set({
      name: 'longshore_queue_paused',
      help: 'Whether an administrator has paused the band.',
      rows: bands.map(({ band, pausedAt }) => ({ labels: { band }, value: pausedAt === null ? 0 : 1 })),
    })
    set({
      name: 'longshore_workers',
      help: 'Live worker processes that serve the band.',
      rows: bands.map(({ band }) => ({ labels: { band }, value: workers.byBand[band] })),
    })
    set({
      name: 'longshore_pool_up',
      help: 'Whether the pool can be read and written.',
      rows: pools.map(({ poolId, problem }) => ({ labels: { pool: poolId }, value: problem === null ? 1 : 0 })),
    })
    set({
      name: 'longshore_pool_free_bytes',
      help: 'Room in the pool, where its medium says so.',
      rows: pools.flatMap(({ poolId, freeBytes }) =>
        typeof freeBytes === 'number' ? [{ labels: { pool: poolId }, value: freeBytes }] : [],
      ),
    })
  }
}

function one(name: string, help: string, value: number): GaugeRows {
  return { name, help, rows: [{ labels: {}, value }] }
}

function timeOut(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, withinMs, undefined).unref())
}
