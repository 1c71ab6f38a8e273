import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { systemCode } from '../../src/errors.ts'
import { LaunchError } from '../../src/launch/launch-error.ts'
import { poll } from '../../src/launch/poll.ts'
import { freePort } from '../../src/launch/postgres-server.ts'
import { type GuardedProcess, startGuarded } from './guarded-process.ts'

export type OwnRedis = {
  /** The address stays the same over restarts. */
  redisUrl: string
  /** Ends the server at once. It keeps nothing on disk. */
  kill9: () => Promise<void>
  /** Starts it again, empty, on its port after `kill9`. */
  start: () => Promise<void>
  /** Lets it hang: connections are taken, nothing is answered. */
  freeze: () => void
  thaw: () => void
  flush: () => Promise<void>
  /** Ends the server for good and removes its folder. */
  stop: () => Promise<void>
}

/** Starts a Redis on a free loopback port, for its owner to flush and kill. Throws LaunchError without a redis-server. */
export async function startOwnRedis(): Promise<OwnRedis> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-redis-'))
  try {
    const port = await freePort()
    const redisUrl = `redis://127.0.0.1:${port}`
    let running = await run(port, folder)
    return {
      redisUrl,
      kill9: () => running.end('SIGKILL'),
      start: async () => {
        running = await run(port, folder)
      },
      freeze: () => running.kill('SIGSTOP'),
      thaw: () => running.kill('SIGCONT'),
      flush: () => flush(redisUrl),
      stop: async () => {
        running.kill('SIGCONT')
        await running.end('SIGTERM')
        await rm(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

/** Tried for a while: between a kill and a start somebody else's connection may have been given the port. */
async function run(port: number, folder: string): Promise<GuardedProcess> {
  const running = await poll(() => tryRun(port, folder), { everyMs: 100, deadlineMs: 15_000 })
  if (running === undefined) throw new LaunchError(`redis-server does not start on port ${port}.`)
  return running
}

async function tryRun(port: number, folder: string): Promise<GuardedProcess | undefined> {
  const options = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no', 'maxmemory-policy': 'noeviction' }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const server = await startGuarded({ file: 'redis-server', args }).catch((error: unknown) => {
    throw missing(error)
  })
  const answered = await poll(async () => server.hasEnded() || (await ping(port)), { everyMs: 20, deadlineMs: 10_000 })
  if (answered !== undefined && !server.hasEnded()) return server
  await server.end('SIGKILL')
  return undefined
}

function missing(cause: unknown): unknown {
  if (systemCode(cause) !== 'ENOENT') return cause
  return new LaunchError('There is no redis-server on the PATH. Install Redis.', { cause })
}

async function flush(redisUrl: string): Promise<void> {
  const redis = new Redis(redisUrl)
  try {
    await redis.flushall()
  } finally {
    redis.disconnect()
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
