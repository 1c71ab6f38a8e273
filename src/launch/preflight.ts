import { mkdir, mkdtemp, rmdir } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import postgres from 'postgres'
import { systemCode } from '../errors.ts'
import { openRedis, type RedisClient } from '../queue/redis.ts'
import { parseRedisAddress, placeOfRedis, type RedisAddress } from '../redis-address.ts'
import { LaunchError } from './launch-error.ts'

/** Makes DATA_DIR if it is missing and shows that it can be written to. Throws LaunchError if not. */
export async function requireDataDir(dataDir: string): Promise<void> {
  try {
    // Root's Postgres runs as another user, who must be able to pass through but need not look in.
    await mkdir(dataDir, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 })
    await rmdir(await mkdtemp(join(dataDir, 'probe-')))
  } catch (cause) {
    const reason = reasonOf(cause)
    throw new LaunchError(
      `DATA_DIR: cannot write to ${dataDir} (${reason}). Make it writable, or set DATA_DIR to another folder.`,
      { cause },
    )
  }
}

/** Shows that the API's port can be had. Throws LaunchError if not. */
export function requirePort(host: string, port: number): Promise<void> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const advice = portAdvice(host, port, systemCode(cause) ?? cause.message)
      reject(new LaunchError(advice, { cause }))
    })
    server.listen(port, host, () => server.close(() => resolve()))
  })
}

function portAdvice(host: string, port: number, code: string): string {
  if (code === 'EADDRINUSE') {
    return `PORT: ${port} on ${host} is taken. Stop the program that uses it, or choose another port: PORT=${port < 65_535 ? port + 1 : 8080} npm start`
  }
  if (code === 'EACCES') return `PORT: this user may not open port ${port}. Choose one above 1023: PORT=8080 npm start`
  return `HOST: cannot listen on ${host} (${code}). Set HOST to an address of this machine, such as 127.0.0.1.`
}

/** Shows that the database of a setting answers within 10 s. Throws LaunchError if not. */
export async function requireDatabase(
  setting: 'DATABASE_URL' | 'DATABASE_DIRECT_URL',
  databaseUrl: string,
): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, connect_timeout: 10, onnotice: () => {} })
  try {
    await within(10_000, sql`SELECT 1`)
  } catch (cause) {
    throw new LaunchError(
      `${setting}: the database at ${placeOf(databaseUrl)} cannot be reached (${reasonOf(cause)}). Start it, or correct ${setting}; without DATABASE_URL Longshore brings its own.`,
      { cause },
    )
  } finally {
    await sql.end({ timeout: 0 }).catch(() => {})
  }
}

/** Shows that Redis, its cluster or the master behind its Sentinels answers within 10 s. Throws LaunchError if not. */
export async function requireRedis(redisUrl: string): Promise<void> {
  const address = parseRedisAddress(redisUrl)
  const redis = openRedis(redisUrl, { connectTimeoutMs: 10_000, once: true })
  let error: unknown
  redis.on('error', (one: unknown) => {
    error = one
  })
  // Of a cluster, what its nodes had to say is told apart, and what came first is the cause of the rest.
  let nodeError: unknown
  redis.on('node error', (one: unknown) => {
    nodeError ??= one
  })
  const ended = new Promise<never>((_, reject) => {
    redis.once('end', () => reject(new Error(address.kind === 'cluster' ? 'it is not in order' : 'connection closed')))
  })
  try {
    await within(10_000, Promise.race([redis.connect().then(() => requireKind(address.kind, redis)), ended]))
  } catch (cause) {
    const reason = cause instanceof LaunchError ? cause.message : reasonOf(nodeError ?? error ?? cause)
    throw new LaunchError(
      `REDIS_URL: Redis at ${placeOfRedis(address)} cannot be reached (${reason}). Start it, or correct REDIS_URL; without REDIS_URL Longshore does without Redis.`,
      { cause },
    )
  } finally {
    redis.disconnect()
  }
}

/** A node of a cluster answers like any server, but takes only what belongs to it. */
async function requireKind(kind: RedisAddress['kind'], redis: RedisClient): Promise<void> {
  const info = await redis.info('cluster')
  if (kind !== 'cluster' && info.includes('cluster_enabled:1')) {
    throw new LaunchError('it is a node of a Redis Cluster, for which write redis+cluster:// or rediss+cluster://')
  }
}

async function within<T>(deadlineMs: number, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer within 10 s')), deadlineMs)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}

/** Host, port and database of a URL: what may be shown, unlike its password. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url)
  return `${host}${pathname}`
}

function reasonOf(cause: unknown): string {
  const code = systemCode(cause)
  const known = code === undefined ? undefined : plainReasons[code]
  if (known !== undefined) return known
  if (cause instanceof AggregateError && cause.errors.length > 0) return reasonOf(cause.errors[0])
  const message = cause instanceof Error ? cause.message.split('\n')[0] : String(cause)
  // The Sentinels' own words stand at the end, if any of them had some.
  const [, sentinels] =
    /^All sentinels are unreachable.*?(?:Last error: (?!Connection is closed)(.*))?$/.exec(message ?? '') ?? []
  if (message?.startsWith('All sentinels')) return sentinels ?? 'no Sentinel names a master of that name'
  // What a node's connection says of itself.
  if (message === 'Connection is closed.') return 'no connection'
  return message || code || 'no reason given'
}

const plainReasons: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name cannot be looked up',
  ETIMEDOUT: 'no answer',
  CONNECT_TIMEOUT: 'no answer within 10 s',
  EHOSTUNREACH: 'no way to that host',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'part of the path is a file',
  EEXIST: 'there is a file of that name',
  ENOSPC: 'the disk is full',
}
