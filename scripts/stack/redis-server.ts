import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { systemCode } from '../../src/errors.ts'
import { LaunchError } from '../../src/launch/launch-error.ts'
import { poll } from '../../src/launch/poll.ts'
import { freePort } from '../../src/launch/postgres-server.ts'
import { sendSignal } from '../../src/launch/running-process.ts'

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
      freeze: () => sendSignal(running.pid, 'SIGSTOP'),
      thaw: () => sendSignal(running.pid, 'SIGCONT'),
      flush: () => flush(redisUrl),
      stop: async () => {
        sendSignal(running.pid, 'SIGCONT')
        await running.end('SIGTERM')
        await rm(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}

type Running = { pid: number; end: (signal: NodeJS.Signals) => Promise<void> }

/** Tried for a while: between a kill and a start somebody else's connection may have been given the port. */
async function run(port: number, folder: string): Promise<Running> {
  const running = await poll(() => tryRun(port, folder), { everyMs: 100, deadlineMs: 15_000 })
  if (running === undefined) throw new LaunchError(`redis-server does not start on port ${port}.`)
  return running
}

async function tryRun(port: number, folder: string): Promise<Running | undefined> {
  const options = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no', 'maxmemory-policy': 'noeviction' }
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn('redis-server', args, { stdio: 'ignore', detached: true })
  let hasEnded = false
  let failure: Error | undefined
  const exited = new Promise<void>((resolve) => {
    const onEnd = (error?: unknown): void => {
      hasEnded = true
      if (error instanceof Error) failure = error
      resolve()
    }
    child.once('error', onEnd)
    child.once('exit', () => onEnd())
  })
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!hasEnded) child.kill(signal)
    await exited
  }
  const answered = await poll(async () => hasEnded || (await ping(port)), { everyMs: 20, deadlineMs: 10_000 })
  if (failure !== undefined) throw missing(failure)
  if (hasEnded) return undefined
  if (answered === undefined) {
    await end('SIGKILL')
    return undefined
  }
  const letGo = guard(child)
  void exited.then(letGo)
  return { pid: child.pid ?? 0, end }
}

function missing(cause: Error): Error {
  if (systemCode(cause) !== 'ENOENT') return cause
  return new LaunchError('There is no redis-server on the PATH. Install Redis.', { cause })
}

/** Ends Redis when this process is gone without having done so: a shell waits on a pipe that only we hold open. */
function guard({ pid }: ChildProcess): () => void {
  const script = 'cat >/dev/null; kill -KILL "$1"'
  const shell = spawn('/bin/sh', ['-c', script, 'longshore-redis-guard', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  shell.on('error', () => {})
  shell.unref()
  return () => {
    if (shell.pid !== undefined) sendSignal(-shell.pid, 'SIGKILL')
  }
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
