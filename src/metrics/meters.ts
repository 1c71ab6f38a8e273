import type { Band } from '../contract/task.ts'
import type { Collect } from './collect.ts'

/** How a run ended: `released` was put back without fault of its own, `lost` wrote nothing, for somebody else had the task. */
export type RunOutcome = 'completed' | 'failed' | 'retried' | 'released' | 'lost'

/** What a process counts for monitoring. All of it returns at once and never throws. */
export type Meters = {
  /** A request was answered, or its client went away. `operation` is its name in the API's document. */
  request: (of: { operation: string; method: string; status: number; seconds: number }) => void
  /** A chunk counts. */
  chunk: (of: { sizeBytes: number; seconds: number }) => void
  /** Events were read from the ledger so long after they were committed. */
  eventLag: (seconds: number) => void
  /** A worker took a task that had been ready for so long. */
  taskStarted: (of: { band: Band; type: string; waitedSeconds: number }) => void
  /** A run has ended. */
  taskRan: (of: { type: string; outcome: RunOutcome; seconds: number }) => void
  /** Deliveries were found lost and are made anew. */
  deliveriesLost: (count: number) => void
}

/** Counts nothing. */
export const noMeters: Meters = {
  request: () => {},
  chunk: () => {},
  eventLag: () => {},
  taskStarted: () => {},
  taskRan: () => {},
  deliveriesLost: () => {},
}

export type OpenMeters = {
  meters: Meters
  /** Has something asked for whenever somebody looks. */
  add: (collect: Collect) => void
  /** Everything in Prometheus' text format (version 0.0.4). */
  read: () => Promise<string>
}
