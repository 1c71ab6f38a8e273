import { randomBytes } from 'node:crypto'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import postgres from 'postgres'
import { migrate } from '../../src/db/migrate.ts'
import { parseProcfile } from '../../src/launch/procfile.ts'
import { packageRoot } from '../../src/package-root.ts'
import { scratchFolder, scriptPath } from './measure.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { readPostgresCpuSeconds } from './usage.ts'

/** Our API and worker, freshly started on an empty database of their own. */
export type OurStack = {
  url: string
  secret: string
  databaseUrl: string
  api: ServerProcess
  worker: ServerProcess
  /** Everything the two keep on disk lies in here. */
  dataDir: string
  /** CPU seconds Postgres has used so far; undefined where that cannot be seen. */
  postgresCpuSeconds: () => Promise<number | undefined>
  /** Ends both processes, drops the database and removes the data. */
  stop: () => Promise<void>
}

/** Starts the stack on the server of `databaseUrl`, in a database made for it, with `more` settings; the data lies under `folder`. */
export async function startOurStack(
  databaseUrl: string,
  folder: string,
  more: Record<string, string> = {},
): Promise<OurStack> {
  const undo: (() => Promise<unknown>)[] = []
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step()
  }
  try {
    const dataDir = await scratchFolder(join(folder, 'ours'))
    undo.push(() => rm(dataDir, { recursive: true, force: true }))
    const database = await makeDatabase(databaseUrl)
    undo.push(database.drop)
    const secret = randomBytes(32).toString('hex')
    const env = { ...stackEnv(database.url, dataDir, secret), ...more }
    const { web, work } = await ourTuning()
    const api = await startServer(scriptPath('src/main.js'), { ...env, ...web.env }, 'listening', web.nodeOptions)
    undo.push(api.stop)
    const workEnv = { ...env, ...work.env }
    const worker = await startServer(scriptPath('workers/main.js'), workEnv, 'working', work.nodeOptions)
    undo.push(worker.stop)
    return {
      url: api.url,
      secret,
      databaseUrl: database.url,
      api,
      worker,
      dataDir,
      postgresCpuSeconds: database.cpuSeconds,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What tunes our API and worker: the Procfile has it. */
export async function ourTuning(): Promise<{ web: Tuning; work: Tuning }> {
  const entries = parseProcfile(await readFile(join(packageRoot(), 'Procfile'), 'utf8'))
  const tuningOf = (name: string): Tuning => {
    const { env = {}, args = [] } = entries.find((entry) => entry.name === name) ?? {}
    const script = args.findIndex((word) => !word.startsWith('-'))
    return { env, nodeOptions: args.slice(0, Math.max(0, script)) }
  }
  return { web: tuningOf('web'), work: tuningOf('worker') }
}

type Tuning = { env: Record<string, string>; nodeOptions: string[] }

function stackEnv(databaseUrl: string, dataDir: string, secret: string): Record<string, string> {
  const redisUrl = process.env['REDIS_URL']
  return {
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    AUTH_JWT_SECRET: secret,
    HOST: '127.0.0.1',
    PORT: '0',
    QUEUE_PREFIX: `bench-${randomBytes(4).toString('hex')}`,
    ...(redisUrl === undefined || redisUrl === '' ? {} : { REDIS_URL: redisUrl }),
  }
}

type OwnDatabase = { url: string; cpuSeconds: () => Promise<number | undefined>; drop: () => Promise<void> }

async function makeDatabase(serverUrl: string): Promise<OwnDatabase> {
  const sql = postgres(serverUrl, { max: 1, onnotice: () => {} })
  const name = `longshore_bench_${randomBytes(6).toString('hex')}`
  const drop = async (): Promise<void> => {
    await sql`DROP DATABASE IF EXISTS ${sql(name)} WITH (FORCE)`
    await sql.end()
  }
  try {
    await sql`CREATE DATABASE ${sql(name)}`
    const url = new URL(serverUrl)
    url.pathname = `/${name}`
    await migrate(url.href)
    const cpuSeconds = async (): Promise<number | undefined> => {
      const [row] = await sql<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
      return row && readPostgresCpuSeconds(row.pid)
    }
    return { url: url.href, cpuSeconds, drop }
  } catch (error) {
    await drop()
    throw error
  }
}
