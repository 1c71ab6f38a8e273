import type { Sql } from '../db/connect.ts'
import { markSinkClosed, type OpenSink } from '../db/uploads.ts'
import type { Pools } from '../files/pools.ts'
import type { Log } from '../log.ts'

export type ClearDeps = { sql: Sql; pools: Pools; log: Log }

/** Removes an ended upload's staging from its pool. Never throws: false, and what is left over is swept later. */
export async function clearSink({ sql, pools, log }: ClearDeps, sink: OpenSink): Promise<boolean> {
  try {
    const storage = await pools.open(sink.poolId)
    await storage.removeSink(sink.sinkKey, { id: sink.taskId, epoch: sink.epoch }, sink.keepKey ?? undefined)
    await markSinkClosed(sql, sink.taskId)
    return true
  } catch (error) {
    log.warn(
      { err: error, taskId: sink.taskId },
      'staging of an ended upload could not be removed; the sweep tries again',
    )
    return false
  }
}
