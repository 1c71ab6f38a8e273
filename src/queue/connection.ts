import {
  createPostgresBackend,
  Queue,
  type QueueOptions,
  runMigrations,
  withBackend,
  Worker,
  type WorkerOptions,
} from 'bullmq'
import pg, { type Pool } from 'pg'
import type { Log } from '../log.ts'
import { causeOf, openRedis } from './redis.ts'

/** What a job carries: the ledger has the rest. */
export type Payload = { [field: string]: string | number }

/** A BullMQ Job that is waiting or taken. `processedOn` is when it was taken, by the clock of who took it. */
export type KeptJob = { processedOn?: number | null | undefined }

/** A BullMQ Queue, as far as it is used here. */
export type JobQueue = {
  addBulk: (jobs: { name: string; data: Payload; opts: { jobId: string; priority?: number } }[]) => Promise<unknown>
  getJob: (id: string) => Promise<KeptJob | undefined>
  getJobCounts: (...states: ('waiting' | 'prioritized' | 'active')[]) => Promise<Record<string, number>>
  on: (event: 'error', listener: (error: Error) => void) => unknown
  close: () => Promise<void>
}

/** A BullMQ Worker, as far as it is used here. */
export type JobWorker = {
  waitUntilReady: () => Promise<unknown>
  on: (event: 'error', listener: (error: Error) => void) => unknown
  close: () => Promise<void>
}

type QueueSettings = Omit<QueueOptions, 'connection'>
type WorkerSettings = Omit<WorkerOptions, 'connection'>

/** BullMQ on one of its back ends. */
export type EngineConnection = {
  kind: 'redis' | 'postgres'
  queue: (name: string, settings: QueueSettings) => JobQueue
  worker: (name: string, process: (job: { data: Payload }) => Promise<void>, settings: WorkerSettings) => JobWorker
  close: () => Promise<void>
}

/** Where jobs wait: Redis when `redisUrl` is given, else BullMQ's own schema in the ledger's database. */
export type EngineSettings = {
  redisUrl: string | undefined
  /** Leads to Postgres itself: BullMQ listens on it and names its schema as it connects. No pooler takes either. */
  databaseDirectUrl: string
  queuePrefix: string
}

export async function connectEngine(settings: EngineSettings, log: Log): Promise<EngineConnection> {
  return settings.redisUrl === undefined
    ? connectPostgres(settings.databaseDirectUrl, log)
    : connectRedis(settings.redisUrl, log)
}

function connectRedis(redisUrl: string, log: Log): EngineConnection {
  // A producer's command that gets no answer fails after 10 s; a worker's blocking reads may take as long as they like.
  const producer = openRedis(redisUrl, { connectTimeoutMs: 5000, commandTimeoutMs: 10_000, batches: true })
  const consumer = openRedis(redisUrl, { connectTimeoutMs: 5000, batches: true })
  let reported = 0
  for (const connection of [producer, consumer]) {
    connection.on('error', (error: Error) => {
      // ioredis tells of every attempt to reconnect; one line in ten seconds says as much.
      if (Date.now() - reported < 10_000) return
      reported = Date.now()
      log.warn({ err: causeOf(error) }, 'redis is out of reach')
    })
  }
  return {
    kind: 'redis',
    queue: (name, settings) =>
      new Queue<Payload, void, string, Payload, void, string>(name, { ...settings, connection: producer }),
    worker: (name, process, settings) =>
      new Worker<Payload, void>(name, process, { ...settings, connection: consumer }),
    close: async () => {
      producer.disconnect()
      consumer.disconnect()
    },
  }
}

async function connectPostgres(databaseUrl: string, log: Log): Promise<EngineConnection> {
  // BullMQ cannot load `pg` by itself from an ES module, and given a pool it neither sets the schema nor migrates.
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    // The worker of each band and that of webhooks keep one connection for LISTEN; the rest serve everybody.
    max: 7,
    keepAlive: true,
    options: '-c search_path=bullmq',
    application_name: 'longshore queue',
  })
  pool.on('error', (error) => log.warn({ err: error }, 'the queue lost a database connection'))
  const onPostgres = withBackend(createPostgresBackend)
  const client = await pool.connect()
  try {
    await runMigrations(client)
  } finally {
    client.release()
  }
  return {
    kind: 'postgres',
    queue: (name, settings) => new onPostgres.Queue<Payload, void>(name, { ...settings, connection: pool }),
    worker: (name, process, settings) =>
      leavingNothing(
        pool,
        () => new onPostgres.Worker<Payload, void>(name, process, { ...settings, connection: pool }),
      ),
    close: () => pool.end(),
  }
}

/** Takes from the pool, when the worker has closed, the listener that BullMQ put on it and forgets there. */
function leavingNothing(pool: Pool, open: () => JobWorker): JobWorker {
  const others = new Set(pool.listeners('error'))
  const worker = open()
  const its = pool.listeners('error').filter((listener) => !others.has(listener))
  return {
    waitUntilReady: () => worker.waitUntilReady(),
    on: (event, listener) => worker.on(event, listener),
    close: async () => {
      await worker.close()
      for (const listener of its) pool.off('error', listener)
    },
  }
}
