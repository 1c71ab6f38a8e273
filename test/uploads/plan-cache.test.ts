import { noMeters } from '../../src/metrics/meters.ts'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import type { Sql } from '../../src/db/connect.ts'
import { insertUpload } from '../../src/db/uploads.ts'
import { openPools, type Pools } from '../../src/files/pools.ts'
import { openRedis, type RedisClient } from '../../src/queue/redis.ts'
import { loadChecksum } from '../../src/uploads/checksum.ts'
import { createPlanCache, type PlanCache } from '../../src/uploads/plan-cache.ts'
import { ProgressTracker } from '../../src/uploads/progress.ts'
import { beginChunk } from '../../src/uploads/receive.ts'
import { sharePlans } from '../../src/uploads/shared-plans.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { describeWithRedis, sharedRedis } from '../support/redis.ts'

const poolId = '550e8400-e29b-41d4-a716-446655440000'
const durationMs = 60_000

type Scene = {
  /** A process's cache, which shares its plans with others where there is a place for that. */
  openCache: (options?: { durationMs: number }) => PlanCache
  isShared: boolean
  close: () => Promise<void>
}

/** What every cache of plans promises, wherever it keeps them. */
function planCacheContract(openScene: (sql: Sql) => Scene): void {
  let ledger: Ledger
  let pools: Pools
  let dataDir: string
  let scene: Scene
  let statements = 0

  beforeAll(async () => {
    ledger = await openLedger()
    dataDir = await mkdtemp(join(tmpdir(), 'longshore-plans-'))
    const { storage } = loadConfig({ DATABASE_URL: ledger.databaseUrl, AUTH_JWT_SECRET: 'x'.repeat(32) })
    pools = await openPools(ledger.sql, { ...storage, dataDir, readVariable: () => undefined }, silent)
    scene = openScene(
      new Proxy(ledger.sql, {
        apply: (target, self, args) => {
          statements++
          return Reflect.apply(target, self, args)
        },
      }),
    )
  })
  afterAll(async () => {
    await scene.close()
    await ledger.close()
    await rm(dataDir, { recursive: true })
  })

  const addUpload = async (): Promise<{ taskId: string; accountId: string }> => {
    const accountId = randomUUID()
    const taskId = await ledger.addTask({ accountId, type: 'FileUpload' })
    await ledger.sql`update tasks set status = 'InProgress', runnable = false where id = ${taskId}`
    const sinkKey = await (await pools.open(poolId)).createSink({ taskId, sizeBytes: 30, chunkSizeBytes: 10 })
    const names = { fileName: 'a', contentType: 'text/plain', bundleId: null, fileExpiredAt: null }
    const sizes = { fileSizeBytes: 30, chunkSizeBytes: 10, chunksCount: 3, reservedBytes: 30 }
    const upload = { taskId, accountId, poolId, sinkKey, declaredSha256: Buffer.alloc(32) }
    await insertUpload(ledger.sql, { ...upload, ...names, ...sizes })
    return { taskId, accountId }
  }
  /** Answers how often the ledger was asked for the plan. */
  const askedFor = async (work: () => Promise<unknown>): Promise<number> => {
    const before = statements
    await work()
    return statements - before
  }
  /** Begins to send a chunk, as far as the lease, and gives it back. */
  const begin = async (plans: PlanCache, upload: { taskId: string; accountId: string }): Promise<void> => {
    const { sql } = ledger
    const progress = new ProgressTracker({ sql, signals: { send: () => {} }, log: silent })
    const deps = { sql, pools, plans, progress, createChecksum: await loadChecksum(), log: silent }
    const request = { ...upload, index: 0, digests: [] }
    const limits = { minBytesPerSecond: 1, paceAfterMs: 30_000, stalledAfterMs: 10_000 }
    await (await beginChunk({ ...deps, limits, meters: noMeters }, request)).abort()
  }

  it('asks the ledger once for an upload, and never for one that another process has asked for if they share', async () => {
    const upload = await addUpload()
    const [one, other] = [scene.openCache(), scene.openCache()]
    expect(await askedFor(() => one.find(upload))).toBeGreaterThan(0)
    expect(await askedFor(() => one.find(upload))).toBe(0)
    const again = await askedFor(() => other.find(upload))
    expect(again > 0).toBe(!scene.isShared)
    expect(await other.find(upload)).toEqual(await one.find(upload))
    expect(await one.find(upload)).toMatchObject({ fileSizeBytes: 30, chunkSizeBytes: 10, chunksCount: 3, poolId })
  })

  it('keeps nothing for longer than it is told to', async () => {
    const upload = await addUpload()
    const plans = scene.openCache({ durationMs: 1 })
    await plans.find(upload)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await askedFor(() => plans.find(upload))).toBeGreaterThan(0)
  })

  it('is right about whose an upload is, also when it becomes somebody else’s behind it', async () => {
    const upload = await addUpload()
    const stranger = { ...upload, accountId: randomUUID() }
    const plans = scene.openCache()
    await begin(plans, upload)
    await expect(plans.find(stranger)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
    await expect(begin(plans, stranger)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
    await ledger.sql`update tasks set account_id = ${stranger.accountId} where id = ${upload.taskId}`
    await ledger.sql`update uploads set account_id = ${stranger.accountId} where task_id = ${upload.taskId}`
    for (const cache of [plans, scene.openCache()]) {
      await expect(begin(cache, upload)).rejects.toMatchObject({ code: 'TASK_NOT_FOUND' })
      await begin(cache, stranger)
    }
  })

  it.each<[string, (taskId: string) => Promise<unknown>, string]>([
    ['cancelled', (id) => ledger.sql`update tasks set status = 'Cancelled' where id = ${id}`, 'UPLOAD_ENDED'],
    ['paused', (id) => ledger.sql`update tasks set status = 'Paused' where id = ${id}`, 'UPLOAD_PAUSED'],
    ['deleted', (id) => ledger.sql`delete from tasks where id = ${id}`, 'TASK_NOT_FOUND'],
    [
      'given the chunk by another process',
      (id) =>
        ledger.sql`insert into upload_chunks (task_id, index, checksum, received_at) values (${id}, 0, '', now())`,
      'CHUNK_ALREADY_UPLOADED',
    ],
  ])('says what is so of an upload that was %s behind it', async (_how, change, code) => {
    const upload = await addUpload()
    const plans = scene.openCache()
    await begin(plans, upload)
    await change(upload.taskId)
    for (const cache of [plans, scene.openCache()]) await expect(begin(cache, upload)).rejects.toMatchObject({ code })
  })
}

describe('a cache of plans in memory', () => {
  planCacheContract((sql) => ({
    openCache: (options) => createPlanCache(sql, { durationMs, shared: undefined, ...options }),
    isShared: false,
    close: async () => {},
  }))
})

describeWithRedis('a cache of plans in Redis', () => {
  const openClient = (redisUrl: string): RedisClient =>
    openRedis(redisUrl, { commandTimeoutMs: 250, connectTimeoutMs: 5000 }).on('error', () => {})

  planCacheContract((sql) => {
    const { redisUrl, prefix } = sharedRedis()
    const redis = openClient(redisUrl)
    return {
      openCache: (options) => {
        const keeps = { durationMs, ...options }
        return createPlanCache(sql, { ...keeps, shared: sharePlans(redis, { prefix, log: silent, ...keeps }) })
      },
      isShared: true,
      close: async () => redis.disconnect(),
    }
  })

  it('asks the ledger while Redis is away, and waits for Redis once', async () => {
    const redis = openClient('redis://127.0.0.1:1')
    const shared = sharePlans(redis, { prefix: 'x', durationMs, log: silent })
    const times = []
    for (let time = 0; time < 20; time++) {
      const startedMs = performance.now()
      expect(await shared.get(randomUUID())).toBeUndefined()
      times.push(performance.now() - startedMs)
    }
    redis.disconnect()
    expect(times.filter((ms) => ms > 100).length).toBeLessThanOrEqual(1)
  })

  it('takes nothing for a plan that is none', async () => {
    const { redisUrl, prefix } = sharedRedis()
    const redis = openClient(redisUrl)
    const shared = sharePlans(redis, { prefix, durationMs, log: silent })
    for (const text of ['', '{', '{"taskId":"a"}', 'null']) {
      const taskId = randomUUID()
      await redis.set(`${prefix}:plan:${taskId}`, text, 'PX', 60_000)
      expect(await shared.get(taskId)).toBeUndefined()
    }
    redis.disconnect()
  })
})
