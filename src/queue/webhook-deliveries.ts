import type { Log } from '../log.ts'
import type { EngineConnection, JobQueue } from './connection.ts'
import { type Consumer, consumeQueue, openQueue, type Whereabouts, whereabouts } from './jobs.ts'

/** One handing-over of a delivery; the ledger has the rest. */
type Job = { deliveryId: string; dispatch: number }

export type DeliveryQueue = {
  /** Hands jobs over, first in, first out. One that is there already is left as it is. */
  add: (jobs: readonly Job[]) => Promise<void>
  find: (jobs: readonly Job[]) => Promise<Whereabouts[]>
  /** Starts to take jobs, up to `concurrency` at once. The handler must not throw. */
  consume: (concurrency: number, handle: (job: Job) => Promise<void>) => Promise<Consumer>
  /** The queue as BullMQ has it, to be looked at. */
  queue: JobQueue
  close: () => Promise<void>
}

const name = 'webhooks'

export function openDeliveryQueue(
  connection: EngineConnection,
  { prefix, log }: { prefix: string; log: Log },
): DeliveryQueue {
  const queue = openQueue(connection, { name, prefix, log })
  return {
    add: async (jobs) => {
      if (jobs.length === 0) return
      await queue.addBulk(jobs.map((job) => ({ name: 'delivery', data: job, opts: { jobId: jobId(job) } })))
    },
    find: (jobs) => Promise.all(jobs.map(async (job) => whereabouts(await queue.getJob(jobId(job))))),
    consume: (concurrency, handle) =>
      consumeQueue(connection, {
        name,
        prefix,
        concurrency,
        handle: ({ deliveryId, dispatch }) => handle({ deliveryId: String(deliveryId), dispatch: Number(dispatch) }),
        log,
      }),
    queue,
    close: () => queue.close(),
  }
}

function jobId({ deliveryId, dispatch }: Job): string {
  return `${deliveryId}-${dispatch}`
}
