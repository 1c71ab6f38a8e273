import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { unlimitedBytes } from '../../src/db/usage.ts'
import { AppError } from '../../src/errors.ts'
import { openPools, type Pools } from '../../src/files/pools.ts'
import { silent } from '../support/ledger.ts'
import { completed, openWorker, type Run, type TestWorker } from '../support/worker.ts'

const poolId = randomUUID()
const bytes = 'bytes of a file'
/** More often than a task of this test may fail. */
const tooOften = 6

let worker: TestWorker
let pools: Pools
let dataDir: string
let poolPath: string
let key: string
beforeAll(async () => {
  worker = await openWorker({ outageOf: (error) => pools.outageOf(error) })
})
afterAll(() => worker.close())
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'longshore-pool-away-'))
  poolPath = join(dataDir, 'pools', poolId)
  const settings = { defaultPoolId: poolId, declared: [], quota: { defaultLimitBytes: unlimitedBytes }, dataDir }
  const more = { uploadsPath: undefined, readVariable: () => undefined }
  pools = await openPools(worker.ledger.sql, { ...settings, ...more }, silent)
  const writer = await (await pools.open(poolId)).createObject({ id: randomUUID(), epoch: 1 })
  await writer.write(Buffer.from(bytes))
  key = (await writer.publish()).key
})
afterEach(() => rm(dataDir, { recursive: true }))

/** As a disk that is not mounted any more, and is again. */
const takeAway = async (): Promise<void> => {
  await rename(poolPath, `${poolPath}.away`)
  await writeFile(poolPath, 'no folder')
}
const bringBack = async (): Promise<void> => {
  await rm(poolPath)
  await rename(`${poolPath}.away`, poolPath)
}

const read: Run = async () => {
  const stream = await (await pools.open(poolId)).read(key, { startBytes: 0, lengthBytes: bytes.length })
  return { kind: 'completed', results: { text: stream && (await text(stream)) } }
}

const write: Run = async (context) => {
  await (await pools.open(poolId)).createObject({ id: randomUUID(), epoch: 1 })
  return completed(context)
}

async function restMs(taskId: string): Promise<number> {
  const [row] = await worker.ledger.sql<{ restMs: number }[]>`
    select extract(epoch from ready_at - updated_at)::float * 1000 as rest_ms from tasks where id = ${taskId}`
  return row?.restMs ?? 0
}

it('waits for a pool that is away without an attempt being counted, and goes on when it is back', async () => {
  const taskId = await worker.ledger.addTask()
  await takeAway()
  for (let dispatch = 0; dispatch < tooOften; dispatch++) {
    await worker.deliver(taskId, write, { dispatch })
    expect(await worker.ledger.task(taskId)).toMatchObject({ status: 'Pending', runnable: true, attempts: 0 })
    expect(await restMs(taskId)).toBeGreaterThanOrEqual(750)
    expect(await restMs(taskId)).toBeLessThanOrEqual(60_000)
  }
  await bringBack()
  await worker.deliver(taskId, read, { dispatch: tooOften })
  expect(await worker.ledger.task(taskId)).toMatchObject({ status: 'Completed', results: { text: bytes } })
})

it('counts what a pool fails at that is there', async () => {
  const taskId = await worker.ledger.addTask()
  const failing: Run = async () => {
    const stream = await (await pools.open(poolId)).read(key, { startBytes: 0, lengthBytes: 1000 })
    return { kind: 'completed', results: { text: stream && (await text(stream)) } }
  }
  await worker.deliver(taskId, failing)
  expect(await worker.ledger.task(taskId)).toMatchObject({ status: 'Pending', attempts: 1 })
  await worker.deliver(taskId, failing, { dispatch: 1 })
  expect(await worker.ledger.task(taskId)).toMatchObject({ status: 'Failed', errorCode: 'STORAGE_UNAVAILABLE' })
})

it('counts what looks like an outage and came of no pool', async () => {
  const taskId = await worker.ledger.addTask()
  await takeAway()
  const failing: Run = () => Promise.reject(new AppError('STORAGE_UNAVAILABLE', 'Says who?'))
  await worker.deliver(taskId, failing)
  expect(await worker.ledger.task(taskId)).toMatchObject({ status: 'Pending', attempts: 1 })
})

it('gives a task up that was paused while its pool was away', async () => {
  const taskId = await worker.ledger.addTask()
  await takeAway()
  await worker.deliver(taskId, async (context) => {
    await worker.ledger.sql`update tasks set status = 'Paused', runnable = false where id = ${taskId}`
    return write(context)
  })
  expect(await worker.ledger.task(taskId)).toMatchObject({ status: 'Paused', attempts: 0, leaseExpiresAt: null })
})
