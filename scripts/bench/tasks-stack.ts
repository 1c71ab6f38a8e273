import { randomBytes, randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { signToken } from '../../src/auth/token.ts'
import { openDatabase, type Sql } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { type NodeProcess, startNodeProcess } from '../stack/node-process.ts'
import { startOwnPostgres } from '../stack/postgres-server.ts'
import { startOwnRedis } from '../stack/redis-server.ts'
import { scratchFolder, scriptPath } from './measure.ts'
import { openRelay, type Relay } from './relay.ts'

/** An API process and a worker, on a Postgres and a Redis of their own. */
export type TaskStack = {
  redisUrl: string
  sql: Sql
  api: NodeProcess
  worker: NodeProcess
  /** With `relayed`, what the worker hears of signals passes through here. */
  relay: Relay
  /** Asks the API for something as one account. Throws on an answer that is no success. */
  call: (method: string, path: string, body?: unknown) => Promise<unknown>
  /** Who `call` is. */
  account: string
  /** Where the API and the worker keep their data. */
  dataDir: string
  stop: () => Promise<void>
}

/** Starts the stack; the worker serves the normal band alone with `slots`. Its data lies under `parentFolder`. */
export async function startTaskStack(options: {
  slots: number
  parentFolder: string
  relayed?: boolean
}): Promise<TaskStack> {
  const undo: (() => Promise<unknown>)[] = []
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    return { ...(await assemble(options, undo)), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

type StackOptions = Parameters<typeof startTaskStack>[0]

async function assemble({ slots, parentFolder, relayed = false }: StackOptions, undo: (() => Promise<unknown>)[]) {
  const folder = await scratchFolder(join(parentFolder, 'longshore-bench'))
  undo.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
  const postgres = await startOwnPostgres({})
  undo.push(() => postgres.stop())
  const { databaseUrl } = postgres
  const redis = await startOwnRedis()
  undo.push(() => redis.stop())
  await migrate(databaseUrl)
  const database = openDatabase(databaseUrl, { name: 'bench', maxConnections: 4 })
  undo.push(() => database.close())
  await database.sql`
    create table bench_runs (task_id uuid, epoch int, signalled_at_ms bigint, primary key (task_id, epoch))`
  const relay = await openRelay(databaseUrl)
  undo.push(() => relay.close())
  const secret = randomBytes(32).toString('hex')
  const dataDir = join(folder, 'data')
  const env = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redis.redisUrl,
    DATA_DIR: dataDir,
    AUTH_JWT_SECRET: secret,
    PORT: '0',
    TASK_MODULES: scriptPath('scripts/bench/tasks-jobs.js'),
  }
  const start = async (script: string, readyMessage: string, args: string[], more: Record<string, string>) => {
    const logFile = join(folder, `${readyMessage}.log`)
    const one = await startNodeProcess({
      script: scriptPath(script),
      args,
      env: { ...env, ...more },
      readyMessage,
      logFile,
    })
    undo.push(async () => {
      one.kill('SIGTERM')
      await one.exited
    })
    return one
  }
  const api = await start('src/main.js', 'listening', [], {})
  const past: Record<string, string> = relayed
    ? { DATABASE_DIRECT_URL: relay.url, DATABASE_PREPARED_STATEMENTS: 'true' }
    : {}
  const args = ['--queues', 'normal', '--concurrency', String(slots)]
  const worker = await start('workers/main.js', 'working', args, past)
  const account = randomUUID()
  const token = await signToken(secret, { account, admin: true, expiresInSeconds: 24 * 3600 })
  const call = (method: string, path: string, body?: unknown) => request(`${api.url}${path}`, token, method, body)
  return { redisUrl: redis.redisUrl, sql: database.sql, api, worker, relay, call, account, dataDir }
}

async function request(url: string, token: string, method: string, body: unknown): Promise<unknown> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const response = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${url} was answered ${response.status}: ${text.slice(0, 300)}`)
  return JSON.parse(text)
}
