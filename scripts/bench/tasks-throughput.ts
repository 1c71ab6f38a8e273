import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { rm } from 'node:fs/promises'
import { startNodeProcess } from '../stack/node-process.ts'
import { startOwnRedis } from '../stack/redis-server.ts'
import type { JobBenchmark } from './job-benchmark.ts'
import { median, scratchFolder, scriptPath } from './measure.ts'
import { shown } from './report.ts'
import { startTaskStack } from './tasks-stack.ts'
import { readPostgresCpuSeconds, readUsage } from './usage.ts'

type Shares = { api: number; worker: number; postgres: number; client: number }
type Round = { perSecond: number; shares?: Shares }

const slots = 100
const batchSize = 1000
const batchesAtOnce = 2

/**
 * No-op tasks per second from the first request to the last end: ours over HTTP with one worker process, and a bare
 * BullMQ loop (one process adds in bulk, one works), both on Redis with as many slots, in turn.
 */
export async function benchThroughput(options: JobBenchmark, print: (text: string) => void): Promise<string[]> {
  const count = options.brief ? 1000 : 20_000
  print(`${count} no-op tasks, 1 worker process with ${slots} slots, ${options.rounds} rounds in turn`)
  const ours: Round[] = []
  const bare: Round[] = []
  for (let round = 1; round <= options.rounds; round++) {
    bare.push(await measureBare(count))
    ours.push(await measureOurs(count, options.parentFolder ?? tmpdir()))
    print(`round ${round}  bare BullMQ ${perSecond(bare.slice(-1))}, ours ${perSecond(ours.slice(-1))}`)
  }
  const ratio = median(ours.map((one) => one.perSecond)) / median(bare.map((one) => one.perSecond))
  print(`\nMedians: bare BullMQ ${perSecond(bare)}, ours ${perSecond(ours)}: ${shown(ratio, 2)}x (target >= 0.25)`)
  print(`Cores that ours kept busy: ${describeShares(ours)}`)
  return []
}

function perSecond(rounds: readonly Round[]): string {
  return `${shown(median(rounds.map((one) => one.perSecond)), 0)}/s`
}

function describeShares(rounds: readonly Round[]): string {
  const middle = (part: keyof Shares): string =>
    `${part} ${shown(median(rounds.flatMap((one) => one.shares?.[part] ?? [])), 2)}`
  return [middle('postgres'), middle('worker'), middle('api'), middle('client')].join(', ')
}

async function measureBare(count: number): Promise<Round> {
  const folder = await scratchFolder(join(tmpdir(), 'longshore-bench'))
  const redis = await startOwnRedis()
  const connection = new Redis(redis.redisUrl, { maxRetriesPerRequest: null })
  try {
    const env = { REDIS_URL: redis.redisUrl, BENCH_SLOTS: String(slots) }
    const script = scriptPath('scripts/bench/tasks-peer.js')
    const worker = await startNodeProcess({ script, env, readyMessage: 'working', logFile: join(folder, 'peer.log') })
    const queue = new Queue('bare', { connection })
    const startedMs = performance.now()
    for (let added = 0; added < count; added += batchSize) {
      await queue.addBulk(Array.from({ length: batchSize }, () => ({ name: 'noop', data: {} })))
    }
    await untilNone(async () => {
      const counts = await queue.getJobCounts('waiting', 'active')
      return (counts['waiting'] ?? 0) + (counts['active'] ?? 0)
    })
    const tookMs = performance.now() - startedMs
    worker.kill('SIGTERM')
    await worker.exited
    await queue.close()
    return { perSecond: (1000 * count) / tookMs }
  } finally {
    connection.disconnect()
    await redis.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function measureOurs(count: number, parentFolder: string): Promise<Round> {
  const stack = await startTaskStack({ slots, parentFolder })
  try {
    const before = await readShares(stack)
    const startedMs = performance.now()
    const tasks = Array.from({ length: batchSize }, () => ({ type: 'BenchNoop' }))
    let left = count / batchSize
    const lane = async (): Promise<void> => {
      while (left-- > 0) await stack.call('POST', '/api/tasks/batch', { tasks })
    }
    await Promise.all(Array.from({ length: batchesAtOnce }, lane))
    await untilNone(async () => {
      const rows = await stack.sql`select 1 from tasks where status in ('Pending', 'InProgress') limit 1`
      return rows.length
    })
    const tookMs = performance.now() - startedMs
    const after = await readShares(stack)
    const share = (part: keyof Shares): number => (1000 * (after[part] - before[part])) / tookMs
    const shares = { api: share('api'), worker: share('worker'), postgres: share('postgres'), client: share('client') }
    return { perSecond: (1000 * count) / tookMs, shares }
  } finally {
    await stack.stop()
  }
}

type Stack = Awaited<ReturnType<typeof startTaskStack>>

/** CPU seconds so far. */
async function readShares({ sql, api, worker }: Stack): Promise<Shares> {
  const [row] = await sql<[{ pid: number }]>`select pg_backend_pid() as pid`
  const [postgres, apiUsage, workerUsage] = await Promise.all([
    readPostgresCpuSeconds(row.pid),
    readUsage(api.pid),
    readUsage(worker.pid),
  ])
  const { user, system } = process.cpuUsage()
  return {
    postgres: postgres ?? Number.NaN,
    api: apiUsage?.cpuSeconds ?? Number.NaN,
    worker: workerUsage?.cpuSeconds ?? Number.NaN,
    client: (user + system) / 1e6,
  }
}

async function untilNone(count: () => Promise<number>): Promise<void> {
  while ((await count()) > 0) await new Promise((resolve) => setTimeout(resolve, 20))
}
