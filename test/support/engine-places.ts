import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { describe, inject } from 'vitest'
import type { Sql } from '../../src/db/connect.ts'
import { describeWithPooler } from './pooler.ts'
import { startRedisCluster } from './redis-cluster.ts'
import { startRedisSentinels } from './redis-sentinel.ts'

/** A place for queues. */
export type EnginePlace = {
  kind: 'redis' | 'postgres'
  redisUrl: string | undefined
  prefix: string
  /** A PgBouncer in transaction mode stands before the ledger. */
  pooled?: boolean
  /** Removes every job there is, as a flush of Redis does. */
  forget: (sql: Sql) => Promise<void>
  close: () => Promise<void>
}

const inPostgres = {
  title: 'Postgres',
  open: async (): Promise<EnginePlace> => ({
    kind: 'postgres',
    redisUrl: undefined,
    prefix: 'test',
    forget: async (sql) => {
      const tables = await sql<{ name: string }[]>`
        select table_name as name from information_schema.tables where table_schema = 'bullmq' and table_name like '%job%'`
      for (const { name } of tables) await sql`truncate table ${sql(`bullmq.${name}`)} cascade`
    },
    close: async () => {},
  }),
}

const inRedis = { title: 'Redis', open: async () => onSharedRedis(inject('redisUrl') ?? '') }
const inCluster = { title: 'a Redis Cluster of six nodes', open: async () => onOwn(await startRedisCluster()) }
const behindSentinels = { title: 'Redis behind Sentinels', open: async () => onOwn(await startRedisSentinels()) }

/** Describes the same for queues in Postgres and in Redis. */
export function describeOnMainEngines(title: string, suite: (open: () => Promise<EnginePlace>) => void): void {
  describePlaces([inPostgres, inRedis], title, suite)
}

/** The same for queues in a cluster, and for queues in Postgres with the ledger behind PgBouncer. */
export function describeOnClusterAndPooler(title: string, suite: (open: () => Promise<EnginePlace>) => void): void {
  describePlaces([inCluster], title, suite)
  describeWithPooler(`${title}, with queues in Postgres and PgBouncer before the ledger`, () =>
    suite(async () => ({ ...(await inPostgres.open()), pooled: true })),
  )
}

/** The same for queues in Postgres, in Redis, in a Redis Cluster and in Redis behind Sentinels. */
export function describeOnAllEngines(title: string, suite: (open: () => Promise<EnginePlace>) => void): void {
  describePlaces([inPostgres, inRedis, inCluster, behindSentinels], title, suite)
}

type NamedPlace = { title: string; open: () => Promise<EnginePlace> }

/** Without a Redis its part is skipped; the run says so loudly, and fails in CI. */
function describePlaces(places: NamedPlace[], title: string, suite: (open: NamedPlace['open']) => void): void {
  for (const place of places) {
    const run = place === inPostgres || inject('redisUrl') !== undefined ? describe : describe.skip
    run(`${title}, with queues in ${place.title}`, () => suite(place.open))
  }
}

function onOwn(redis: { redisUrl: string; flush: () => Promise<void>; stop: () => Promise<void> }): EnginePlace {
  const { redisUrl, flush, stop } = redis
  return { kind: 'redis', redisUrl, prefix: 'test', forget: () => flush(), close: () => stop() }
}

function onSharedRedis(redisUrl: string): EnginePlace {
  const prefix = `test-${randomBytes(8).toString('hex')}`
  const forget = async () => {
    const redis = new Redis(redisUrl)
    const keys = await redis.keys(`{${prefix}}*`)
    if (keys.length > 0) await redis.del(...keys)
    redis.disconnect()
  }
  return { kind: 'redis', redisUrl, prefix, forget, close: async () => {} }
}
