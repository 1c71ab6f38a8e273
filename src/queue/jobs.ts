import type { Log } from '../log.ts'
import type { EngineConnection, JobQueue, KeptJob, Payload } from './connection.ts'

export type Consumer = {
  /** Takes no further jobs; resolves when those in hand are done. */
  close: () => Promise<void>
}

/** Where a job is: not taken yet, with a consumer that has not said that it is done, or neither. */
export type Whereabouts = 'waiting' | 'taken' | 'gone'

// The ledger's lease decides about death. BullMQ's own judgement only collects what a dead worker left in its lists.
const stalledIntervalMs = 60_000
/** After what the engine could not be asked or told: BullMQ's own 15 s would keep slots idle long after an outage. */
const retryDelayMs = 1000

/** A queue whose jobs are tried once and leave nothing behind. */
export function openQueue(
  connection: EngineConnection,
  { name, prefix, log }: { name: string; prefix: string; log: Log },
): JobQueue {
  const defaultJobOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true }
  const queue = connection.queue(name, { prefix, defaultJobOptions })
  queue.on('error', (error) => log.debug({ err: error, queue: name }, 'queue error'))
  return queue
}

export function whereabouts(job: KeptJob | undefined): Whereabouts {
  if (job === undefined) return 'gone'
  return job.processedOn === undefined || job.processedOn === null ? 'waiting' : 'taken'
}

type Consumption = {
  name: string
  prefix: string
  concurrency: number
  handle: (data: Payload) => Promise<void>
  log: Log
}

/** Starts to take the jobs of such a queue, up to `concurrency` at once. */
export async function consumeQueue(
  connection: EngineConnection,
  { name, prefix, concurrency, handle, log }: Consumption,
): Promise<Consumer> {
  const worker = connection.worker(name, (job) => handle(job.data), {
    prefix,
    concurrency,
    lockDuration: stalledIntervalMs,
    stalledInterval: stalledIntervalMs,
    maxStalledCount: 0,
    runRetryDelay: retryDelayMs,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  })
  worker.on('error', (error) => log.debug({ err: error, queue: name }, 'queue worker error'))
  await worker.waitUntilReady()
  return { close: () => worker.close() }
}
