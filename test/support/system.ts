import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { inject } from 'vitest'
import { startProcess, type TestProcess } from './process.ts'

/** The secret that every test system signs and checks tokens with. */
export const secret = 'a secret for tests, long enough to pass'

export type SystemOptions = {
  databaseUrl: string
  redisUrl?: string | undefined
  apis?: number
  workers?: number
  /** What each worker is started with, such as `--concurrency`. */
  workerArgs?: string[]
  env?: Record<string, string | undefined>
}

export type TestSystem = {
  /** Where each API process listens. */
  urls: string[]
  apis: TestProcess[]
  workers: TestProcess[]
  dataDir: string
  /** Starts one more process on the same ledger, data and settings. A port names where the API shall listen. */
  startApi: (port?: number) => Promise<{ url: string; process: TestProcess }>
  startWorker: () => Promise<TestProcess>
  /** Ends every worker and starts one, which is elected and has every sweep run at once, whatever was swept before. */
  changeWorkers: () => Promise<void>
  /** Kills every process, since nobody is left to be answered, and removes the data folder. */
  stop: () => Promise<void>
}

/** Starts real API and worker processes on a database, with a data folder of their own, and waits until they serve. */
export async function startSystem({
  databaseUrl,
  redisUrl,
  apis = 1,
  workers = 1,
  workerArgs = [],
  env = {},
}: SystemOptions): Promise<TestSystem> {
  const dataDir = await mkdtemp(join(tmpdir(), 'longshore-test-'))
  const settings = {
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisUrl,
    AUTH_JWT_SECRET: secret,
    SECRETS_KEYS: Buffer.alloc(32, 'a key for tests').toString('base64'),
    DATA_DIR: dataDir,
    // Whoever converts recordings or documents brings the whole one.
    PATH: inject('plainPath'),
    QUEUE_PREFIX: `t${process.pid}-${Math.random().toString(36).slice(2)}`,
    ...env,
  }
  const system: TestSystem = {
    urls: [],
    apis: [],
    workers: [],
    dataDir,
    startApi: async (port = 0) => {
      const api = startProcess({ file: 'src/main.js', env: { ...settings, PORT: String(port) } })
      system.apis.push(api)
      const { url } = await api.waitForLog((line) => line['msg'] === 'listening', 60_000)
      system.urls.push(String(url))
      return { url: String(url), process: api }
    },
    startWorker: async () => {
      const worker = startProcess({ file: 'workers/main.js', args: workerArgs, env: settings })
      system.workers.push(worker)
      await worker.waitForLog((line) => line['msg'] === 'working', 60_000)
      return worker
    },
    changeWorkers: async () => {
      const former = system.workers.splice(0)
      for (const one of former) one.kill('SIGTERM')
      await Promise.all([system.startWorker(), ...former.map((one) => one.exited)])
    },
    stop: async () => {
      const all = [...system.apis, ...system.workers]
      for (const one of all) one.kill('SIGKILL')
      await Promise.all(all.map((one) => one.exited))
      await rm(dataDir, { recursive: true, force: true })
    },
  }
  await Promise.all([
    ...Array.from({ length: apis }, () => system.startApi()),
    ...Array.from({ length: workers }, () => system.startWorker()),
  ])
  return system
}

/**
 * Asks until an answer comes: every 20 ms at first, less often the longer it takes, so that those who wait leave the machine to
 * what they wait for. Fails after the deadline.
 */
export async function until<Answer>(ask: () => Promise<Answer | undefined>, deadlineMs = 30_000): Promise<Answer> {
  const begunAt = performance.now()
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    const waitedMs = performance.now() - begunAt
    if (waitedMs >= deadlineMs) throw new Error(`it did not happen within ${deadlineMs} ms: ${ask}`)
    await delay(Math.min(Math.max(20, waitedMs / 10), 100))
  }
}
