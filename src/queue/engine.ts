import { type Band, bands } from '../contract/task.ts'
import type { Log } from '../log.ts'
import { type Board, openBoard } from './board.ts'
import { connectEngine, type EngineSettings, type JobQueue } from './connection.ts'
import { type Consumer, consumeQueue, openQueue, type Whereabouts, whereabouts } from './jobs.ts'
import { type DeliveryQueue, openDeliveryQueue } from './webhook-deliveries.ts'

/** One delivery of a task to its band's queue. `rank` orders the queue, the smallest first: 1 to 2,097,151. */
export type Job = { taskId: string; dispatch: number; band: Band; rank: number }

export type JobHandler = (job: { taskId: string; dispatch: number }) => Promise<void>

export type Engine = {
  kind: 'redis' | 'postgres'
  /** Hands jobs to their queues. A job that is there already is left as it is. May take as long as the engine is away. */
  add: (jobs: readonly Job[]) => Promise<void>
  find: (jobs: readonly Job[]) => Promise<Whereabouts[]>
  /** Jobs per band that wait or run. */
  counts: () => Promise<Record<Band, { waiting: number; active: number }>>
  /** Starts to take a band's jobs, up to `concurrency` at once. The handler must not throw. */
  consume: (band: Band, concurrency: number, handle: JobHandler) => Promise<Consumer>
  /** The queue of what webhooks are told. */
  webhookDeliveries: DeliveryQueue
  /** A board that shows all queues, for administrators. It is loaded when it is first asked for. */
  openBoard: () => Promise<Board>
  close: () => Promise<void>
}

/** Opens BullMQ on Redis or Postgres. Everybody else speaks of bands, tasks and dispatches only. */
export async function openEngine(settings: EngineSettings, log: Log): Promise<Engine> {
  const connection = await connectEngine(settings, log)
  // On a Redis Cluster the braces keep all keys of the three queues in one slot.
  const prefix = `{${settings.queuePrefix}}`
  const queues = new Map(bands.map((band) => [band, openQueue(connection, { name: band, prefix, log })]))
  const webhookDeliveries = openDeliveryQueue(connection, { prefix, log })
  const queueOf = (band: Band): JobQueue => {
    const queue = queues.get(band)
    if (queue === undefined) throw new Error(`no queue for band ${band}`)
    return queue
  }
  return {
    kind: connection.kind,
    add: (jobs) => addJobs(jobs, queueOf),
    find: (jobs) => Promise.all(jobs.map(async (job) => whereabouts(await queueOf(job.band).getJob(jobId(job))))),
    counts: async () => {
      const [high, normal, low] = await Promise.all([
        countBand(queueOf('high')),
        countBand(queueOf('normal')),
        countBand(queueOf('low')),
      ])
      return { high, normal, low }
    },
    consume: (band, concurrency, handle) =>
      consumeQueue(connection, {
        name: band,
        prefix,
        concurrency,
        handle: ({ taskId, dispatch }) => handle({ taskId: String(taskId), dispatch: Number(dispatch) }),
        log,
      }),
    webhookDeliveries,
    openBoard: () => openBoard([...queues.values(), webhookDeliveries.queue]),
    close: async () => {
      await Promise.allSettled([...queues.values(), webhookDeliveries].map((queue) => queue.close()))
      await connection.close()
    },
  }
}

// A job id must not be an integer nor contain a colon.
function jobId({ taskId, dispatch }: Pick<Job, 'taskId' | 'dispatch'>): string {
  return `${taskId}-${dispatch}`
}

async function addJobs(jobs: readonly Job[], queueOf: (band: Band) => JobQueue): Promise<void> {
  for (const band of bands) {
    const mine = jobs.filter((job) => job.band === band)
    if (mine.length === 0) continue
    await queueOf(band).addBulk(
      mine.map((job) => ({
        name: 'task',
        data: { taskId: job.taskId, dispatch: job.dispatch },
        opts: { jobId: jobId(job), priority: job.rank },
      })),
    )
  }
}

async function countBand(queue: JobQueue): Promise<{ waiting: number; active: number }> {
  const counts = await queue.getJobCounts('waiting', 'prioritized', 'active')
  return { waiting: (counts['waiting'] ?? 0) + (counts['prioritized'] ?? 0), active: counts['active'] ?? 0 }
}
