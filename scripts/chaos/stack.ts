import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, openDatabase, type Sql } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { openLog } from '../../src/log.ts'
import { atMost } from '../../src/process.ts'
import { type Engine, openEngine } from '../../src/queue/engine.ts'
import { scriptPath } from '../bench/measure.ts'
import { type OwnPostgres, startOwnPostgres } from '../stack/postgres-server.ts'
import { type OwnRedis, startOwnRedis } from '../stack/redis-server.ts'
import type { EngineKind } from './plan.ts'
import { type Server, startServer } from './servers.ts'

/** The whole product on loopback, to be broken. */
export type Stack = {
  apis: readonly Server[]
  workers: readonly Server[]
  postgres: OwnPostgres
  /** Undefined with the queue in Postgres. */
  redis: OwnRedis | undefined
  /** Signs the tokens. */
  secret: string
  sql: Sql
  /** A view into the queue. */
  engine: Engine
  /** Has the engine lose everything it holds. */
  wipe: () => Promise<void>
  /** Processes that ended though nobody ended them. */
  ownEnds: readonly string[]
  /** Ends every process and removes what they kept, but for the logs when `keep`. Idempotent. */
  stop: () => Promise<void>
}

export type StackOptions = { engine: EngineKind; signal: AbortSignal; keep: boolean; say: (line: string) => void }

const apiCount = 2
const workerCount = 2
/** High, normal and low work get 3, 3 and 2 of them. */
const slotsPerWorker = 8

/** Starts Postgres, Redis, two API processes and two workers. What has been started is ended again when something fails. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const undo: (() => Promise<unknown>)[] = []
  const stop = async (): Promise<void> => {
    // What one step throws must not keep the rest from being ended.
    const failures: unknown[] = []
    for (const step of undo.splice(0).reverse()) await step().catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw new AggregateError(failures, 'not everything could be tidied up')
  }
  try {
    return { ...(await assemble(options, undo)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function assemble({ engine: kind, signal, keep, say }: StackOptions, undo: (() => Promise<unknown>)[]) {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-chaos-'))
  const logs = join(folder, 'logs')
  await mkdir(logs)
  undo.push(async () => {
    if (keep) say(`the logs of all processes: ${logs}`)
    else await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  const postgres = await startOwnPostgres({ max_connections: '200' })
  undo.push(() => postgres.stop())
  const redis = kind === 'redis' ? await startOwnRedis() : undefined
  undo.push(async () => redis?.stop())
  await migrate(postgres.databaseUrl)
  const database = openDatabase(postgres.databaseUrl, { name: 'chaos', maxConnections: 4 })
  undo.push(() => database.close())
  await makeTables(database)
  const secret = randomBytes(32).toString('hex')
  const ownEnds: string[] = []
  const env = settings({ databaseUrl: postgres.databaseUrl, redisUrl: redis?.redisUrl, folder, secret })
  const start = async (name: string, script: string, readyMessage: string): Promise<Server> => {
    const onOwnEnd = (how: string): void => void ownEnds.push(how)
    const logFile = join(logs, `${name}.log`)
    const args = readyMessage === 'working' ? ['--concurrency', String(slotsPerWorker)] : []
    const options = { name, script: scriptPath(script), args, env, readyMessage, logFile, signal, onOwnEnd }
    const server = await startServer(options)
    servers.push(server)
    return server
  }
  const servers: Server[] = []
  undo.push(() => Promise.all(servers.map((server) => server.stop())))
  const apis = await many(apiCount, (index) => start(`api-${index}`, 'src/main.js', 'listening'))
  const workers = await many(workerCount, (index) => start(`worker-${index}`, 'workers/main.js', 'working'))
  const engine = await openView(postgres, redis)
  // It may wait for a Redis that is away.
  undo.push(() => atMost(1000, engine.close()))
  const wipe = (): Promise<void> => (redis === undefined ? wipeTables(database) : redis.flush())
  return { apis, workers, postgres, redis, secret, sql: database.sql, engine, wipe, ownEnds }
}

function settings(of: { databaseUrl: string; redisUrl: string | undefined; folder: string; secret: string }) {
  return {
    DATABASE_URL: of.databaseUrl,
    ...(of.redisUrl === undefined ? {} : { REDIS_URL: of.redisUrl }),
    DATA_DIR: join(of.folder, 'data'),
    AUTH_JWT_SECRET: of.secret,
    HOST: '127.0.0.1',
    PORT: '0',
    QUEUE_PREFIX: queuePrefix,
    TASK_MODULES: scriptPath('scripts/chaos/tasks.js'),
  }
}

const queuePrefix = 'chaos'

/** What the tasks use. The effects have no key of any kind: an id may come twice, and that is what is looked for. */
async function makeTables({ sql }: Database): Promise<void> {
  await sql`create table chaos_effects (task_id uuid not null, epoch int not null)`
  await sql`create table chaos_gates (name text primary key)`
}

function openView(postgres: OwnPostgres, redis: OwnRedis | undefined): Promise<Engine> {
  const place = { databaseDirectUrl: postgres.databaseUrl, redisUrl: redis?.redisUrl, queuePrefix }
  return openEngine(place, openLog('chaos', { base: 'silent', scopes: {} }).root)
}

/** What FLUSHALL is to Redis. The tables themselves stay, as they would after a loss of data. */
async function wipeTables({ sql }: Database): Promise<void> {
  await sql`truncate table bullmq.job cascade`
}

/** Starts several at once. Fails only when all have started or failed, so that none comes up after the rest was ended. */
async function many(count: number, start: (index: number) => Promise<Server>): Promise<Server[]> {
  const starts = Array.from({ length: count }, (_, index) => start(index + 1))
  await Promise.allSettled(starts)
  return Promise.all(starts)
}
