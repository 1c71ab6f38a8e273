import { randomUUID } from 'node:crypto'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { openPools, type Pools } from '../../src/files/pools.ts'
import { sweepFiles, sweepOrphans } from '../../src/files/sweep.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { s3PoolAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place, type S3Place } from '../support/s3-store.ts'

const poolId = randomUUID()
const keyOf = (id: string): string => `objects/00/00/${id}-1`

describeWithS3('files and objects that are to go', () => {
  let place: S3Place
  let ledger: Ledger
  let pools: Pools
  beforeAll(async () => {
    place = await openS3Place()
    ledger = await openLedger()
    const { settings, env } = s3PoolAt(place)
    const STORAGE_POOLS = JSON.stringify([{ id: poolId, name: 'S3', kind: 's3', settings }])
    const { storage } = loadConfig({ STORAGE_POOLS, DATABASE_URL: ledger.databaseUrl, AUTH_JWT_SECRET: 'x'.repeat(32) })
    pools = await openPools(ledger.sql, { ...storage, dataDir: '/nowhere', readVariable: (name) => env[name] }, silent)
  })
  afterAll(() => ledger.close())

  /** Objects of the pool, as far as the ledger knows, each with a file. */
  async function insert(ids: readonly string[]): Promise<void> {
    await ledger.sql`
      insert into objects (id, pool_id, key, size_bytes, sha256)
      select id, ${poolId}, 'objects/00/00/' || id || '-1', 1, '' from unnest(${ids}::uuid[]) as given (id)`
    await ledger.sql`
      insert into files (id, account_id, object_id, name, content_type, size_bytes, deleted_at)
      select gen_random_uuid(), md5((row_number() over () % 100)::text)::uuid, id, 'a', 'text/plain', 1, now() - interval '8 days'
      from unnest(${ids}::uuid[]) as given (id)`
  }

  async function timed(work: () => Promise<number>): Promise<{ count: number; perMinute: number }> {
    const beganAtMs = performance.now()
    const count = await work()
    return { count, perMinute: Math.round((60_000 * count) / (performance.now() - beganAtMs)) }
  }

  it('go as fast as they come, however many there are', async () => {
    const stored = Array.from({ length: 3000 }, () => randomUUID())
    const others = Array.from({ length: 200_000 - stored.length }, () => randomUUID())
    for (let at = 0; at < stored.length; at += 50) {
      const some = stored.slice(at, at + 50)
      await Promise.all(
        some.map((id) =>
          place.client.send(new PutObjectCommand({ Bucket: place.bucket, Key: place.prefix + keyOf(id), Body: 'x' })),
        ),
      )
    }
    for (let at = 0; at < others.length; at += 20_000) await insert(others.slice(at, at + 20_000))
    await insert(stored)
    const files = await timed(() => sweepFiles(ledger, 7 * 24 * 3_600_000))
    expect(files.count).toBe(200_000)
    // All are orphans now; those that are in the store are the first to go.
    await ledger.sql`
      update objects set orphaned_at = now() - case when id = any(${stored}::uuid[]) then interval '2 hours' else interval '0' end`
    const objects = await timed(() => sweepOrphans({ ...ledger, pools, log: silent }, 3_600_000))
    expect(objects.count).toBe(stored.length)
    expect(await place.listKeys()).toEqual([])
    console.log({ filesPerMinute: files.perMinute, objectsInS3PerMinute: objects.perMinute })
    expect(files.perMinute).toBeGreaterThan(60_000)
    expect(objects.perMinute).toBeGreaterThan(3000)
  })
})
