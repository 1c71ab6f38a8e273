import type { Band } from './task.ts'

/** How a band stands. Times in ISO 8601; rates by the minute of the last hour, those in which nothing happened left out. */
export type BandView = {
  band: Band
  pausedAt: string | null
  /** Tasks that wait in the ledger, those that were handed to the queue, and those that run. */
  waiting: number
  admitted: number
  running: number
  /** For how long the longest waiting one has been ready. */
  oldestWaitSeconds: number
  minutes: { minute: string; started: number; completed: number; failed: number }[]
}

export type WorkerView = {
  id: string
  bands: string[]
  concurrency: number
  types: string[]
  startedAt: string
  seenAt: string
  running: { workerId: string; taskId: string; type: string; name: string; accountId: string; epoch: number }[]
}

export type AdminFigures = { bands: BandView[]; workers: WorkerView[] }
