import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { poll } from '../../src/launch/poll.ts'
import { type OwnRedis, startOwnRedis } from '../../scripts/stack/redis-server.ts'

export type TestRedisServer = OwnRedis

/** A Redis of the test's own, which it may flush and kill. Fails where there is no redis-server. The test must `stop` it. */
export function startRedisServer(): Promise<TestRedisServer> {
  return startOwnRedis()
}

export type RedisProcess = {
  port: number
  pid: number
  /** Ends it and waits until it has; does nothing when it has ended. */
  end: (signal: NodeJS.Signals) => Promise<void>
}

export type RedisProcessOptions = {
  port: number
  folder: string
  /** More of a server's settings. */
  settings?: Record<string, string | number>
  /** A configuration that it reads and keeps up to date; a Sentinel needs one. */
  configFile?: string
}

/** Starts a redis-server that keeps nothing on disk, on loopback, and waits until it answers. */
export async function startRedisProcess(options: RedisProcessOptions): Promise<RedisProcess> {
  const { port } = options
  const child = spawn('redis-server', argumentsOf(options), { stdio: 'ignore' })
  let end: Error | 'ended' | undefined
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => resolve((end = error) && undefined))
    child.once('exit', () => resolve((end ??= 'ended') && undefined))
  })
  const answered = await poll(async () => (await ping(port)) || end, { everyMs: 20, deadlineMs: 10_000 })
  if (answered !== true) {
    child.kill('SIGKILL')
    throw answered instanceof Error ? answered : new Error(`redis-server did not start: ${answered}`)
  }
  return {
    port,
    pid: child.pid ?? 0,
    end: async (signal) => {
      child.kill(signal)
      await exited
    },
  }
}

/** Ports on the loopback interface that were free a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))))
  const ports = servers.map((server) => Object(server.address()).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports.map(Number)
}

export function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'longshore-redis-'))
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

function argumentsOf({ port, folder, settings = {}, configFile }: RedisProcessOptions): string[] {
  if (configFile !== undefined) return [configFile, '--sentinel']
  const all = {
    port,
    bind: '127.0.0.1',
    dir: folder,
    save: '',
    appendonly: 'no',
    'maxmemory-policy': 'noeviction',
    ...settings,
  }
  return Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)])
}

async function ping(port: number): Promise<true | undefined> {
  const redis = new Redis({ port, lazyConnect: true, retryStrategy: () => null, enableReadyCheck: false })
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
