import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { sweepOutputs } from '../../src/files/sweep.ts'
import { openPools } from '../../src/files/pools.ts'
import { unlimitedBytes } from '../../src/db/usage.ts'
import { openFaultyS3Stage } from '../support/faulty-s3-stage.ts'
import { type Fault, type FaultyStore, failure } from '../support/faulty-store.ts'
import { runTask, showFile, uploaded } from '../support/job-files.ts'
import { silent } from '../support/ledger.ts'
import { patternOf } from '../support/outcome.ts'
import { describeWithS3, type S3Place } from '../support/s3-store.ts'
import type { Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { createTask, untilStatus } from '../support/tasks.ts'

const poolId = randomUUID()
const localPoolId = '550e8400-e29b-41d4-a716-446655440000'
/** More than goes in one request. */
const bytes = patternOf(20_000_000)

describeWithS3('a task whose deadline passes while its store', { timeout: 120_000 }, () => {
  let place: S3Place
  let faulty: FaultyStore
  let stage: Stage
  let env: Record<string, string>
  beforeAll(async () => {
    ;({ place, faulty, stage, env } = await openFaultyS3Stage(poolId, { workerArgs: ['--concurrency', '3'] }))
  })
  afterAll(() => stage.close())
  beforeEach(() => place.clear())

  it.each<[string, Fault]>([
    ['refuses everything', failure(403, 'AccessDenied')],
    ['is busy', failure(503, 'SlowDown')],
    ['takes requests and never answers', { kind: 'stall', forMs: 60_000, before: 'store' }],
    ['answers too late', { kind: 'stall', forMs: 60_000, before: 'answer' }],
  ])('%s expires in time, gives its slot back, and leaves nothing', async (_how, fault) => {
    const client = await stage.client()
    const fileId = await uploaded(client, Buffer.concat([bytes, Buffer.from(randomUUID())]))
    const away = faulty.inject({}, fault)
    const expiredAt = new Date(Date.now() + 4000)
    const parameters = { fileIds: [fileId], targetPoolId: poolId }
    const taskId = await createTask(client, 'FileMove', parameters, { expiredAt: expiredAt.toISOString() })
    await until(async () => away.hits > 0 || undefined)
    await untilStatus(client, taskId, 'Expired', 10_000)
    const lateMs = Date.now() - expiredAt.getTime()
    expect(lateMs).toBeGreaterThanOrEqual(0)
    expect(lateMs).toBeLessThan(4000)
    await until(async () => {
      const [row] = await stage.sql`select lease_expires_at from tasks where id = ${taskId}`
      return row?.['leaseExpiresAt'] === null || undefined
    }, 5000)
    expect((await stage.eventTypes(taskId)).filter((type) => type === 'task.expired')).toHaveLength(1)
    expect(await showFile(client, fileId)).toMatchObject({ poolId: localPoolId })
    // Whoever needs no store goes on meanwhile.
    const encrypt = { fileIds: [fileId], password: 'a long password' }
    expect(await runTask(client, 'FileEncrypt', encrypt, 20_000)).toMatchObject({ status: 'Completed' })
    away.end()
    // What reached the store, and what it does late, goes with the sweep; nobody has to wait a minute for that here.
    await stage.sql`update tasks set completed_at = completed_at - interval '1 hour' where id = ${taskId}`
    const settings = { defaultPoolId: localPoolId, declared: [], quota: { defaultLimitBytes: unlimitedBytes } }
    const more = { uploadsPath: undefined, dataDir: stage.system.dataDir, readVariable: (name: string) => env[name] }
    const pools = await openPools(stage.sql, { ...settings, ...more }, silent)
    await sweepOutputs({ sql: stage.sql, pools, log: silent })
    await until(async () => (await place.listUploads()).length === 0 || undefined)
    expect(await place.listKeys()).toEqual([])
  })
})
