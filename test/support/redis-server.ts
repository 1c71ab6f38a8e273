import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { poll } from '../../src/launch/poll.ts'
import { freePort } from '../../src/launch/postgres-server.ts'

export type TestRedisServer = {
  /** The address stays the same over restarts. */
  redisUrl: string
  /** Ends the server at once. It keeps nothing on disk. */
  kill9: () => Promise<void>
  /** Starts it again, empty, on its port after `kill9`. */
  start: () => Promise<void>
  stop: () => Promise<void>
}

/** A Redis of the test's own, which it may flush and kill. Fails where there is no redis-server. The test must `stop` it. */
export async function startRedisServer(): Promise<TestRedisServer> {
  const port = await freePort()
  const redisUrl = `redis://127.0.0.1:${port}`
  const folder = await mkdtemp(join(tmpdir(), 'longshore-redis-'))
  let running = await run(port, folder)
  return {
    redisUrl,
    kill9: () => running.end('SIGKILL'),
    start: async () => {
      running = await run(port, folder)
    },
    stop: async () => {
      await running.end('SIGTERM')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function run(port: number, folder: string): Promise<{ end(signal: NodeJS.Signals): Promise<void> }> {
  const options = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no', 'maxmemory-policy': 'noeviction' }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn('redis-server', args, { stdio: 'ignore' })
  let end: Error | 'ended' | undefined
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => resolve((end = error) && undefined))
    child.once('exit', () => resolve((end ??= 'ended') && undefined))
  })
  const answered = await poll(async () => (await ping(port)) || end, { everyMs: 20, deadlineMs: 10_000 })
  if (answered !== true)
    throw answered instanceof Error ? answered : new Error(`redis-server did not start: ${answered}`)
  return {
    end: async (signal) => {
      child.kill(signal)
      await exited
    },
  }
}

async function ping(port: number): Promise<true | undefined> {
  const redis = new Redis({ port, lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => {})
  try {
    await redis.connect()
    return (await redis.ping()) === 'PONG' || undefined
  } catch {
    return undefined
  } finally {
    redis.disconnect()
  }
}
