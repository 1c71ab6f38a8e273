import { ListPartsCommand } from '@aws-sdk/client-s3'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { unlimitedBytes } from '../../src/db/usage.ts'
import { openPools } from '../../src/files/pools.ts'
import { sweepUnknownStaging } from '../../src/uploads/sweep.ts'
import { chunksOf, type TestClient } from '../support/client.ts'
import { openFaultyS3Stage } from '../support/faulty-s3-stage.ts'
import type { Fault, FaultyStore, Match } from '../support/faulty-store.ts'
import { holdRequest } from '../support/held-request.ts'
import { holdCommits } from '../support/held-commits.ts'
import { runTask, uploaded } from '../support/job-files.ts'
import { silent } from '../support/ledger.ts'
import { expectFile, patternOf, untilCompleted } from '../support/outcome.ts'
import { describeWithS3, type S3Place } from '../support/s3-store.ts'
import type { Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

const chunkBytes = 5 * 1024 * 1024
const bytes = patternOf(2 * chunkBytes + 17)
const [first = Buffer.alloc(0), second = Buffer.alloc(0), third = Buffer.alloc(0)] = chunksOf(bytes, chunkBytes)
const poolId = randomUUID()
/** Longer than any of these tests: whoever waits is dead before. */
const forMs = 120_000
const neverAsked: Fault = { kind: 'stall', forMs, before: 'store' }
const neverAnswered: Fault = { kind: 'stall', forMs, before: 'answer' }
const begin: Match = { method: 'POST', query: ['uploads'] }
const part: Match = { method: 'PUT', query: ['partNumber'] }
const completion: Match = { method: 'POST', query: ['uploadId'] }
/** What was left over by the dead is free after a lease of 10 s at most; the rest is for machines that have much to do. */
const patienceMs = 40_000

describeWithS3('an upload to an S3 pool', { timeout: 120_000 }, () => {
  let place: S3Place
  let faulty: FaultyStore
  let stage: Stage
  let env: Record<string, string>
  beforeAll(async () => {
    ;({ place, faulty, stage, env } = await openFaultyS3Stage(poolId))
  })
  afterAll(() => stage.close())
  beforeEach(() => place.clear())

  async function created(): Promise<{ client: TestClient; taskId: string }> {
    const client = await stage.client()
    const { body } = await client.create(bytes, { poolId })
    return { client, taskId: String(body['taskId']) }
  }

  async function sent(): Promise<{ client: TestClient; taskId: string }> {
    const { client, taskId } = await created()
    for (const [index, chunk] of [first, second, third].entries()) await expectTaken(client, taskId, index, chunk)
    return { client, taskId }
  }

  async function expectTaken(client: TestClient, taskId: string, index: number, chunk: Buffer): Promise<void> {
    expect(await client.putChunk(taskId, index, chunk)).toMatchObject({ status: 200 })
  }

  /** Ends the API by SIGKILL and starts another at its address. */
  async function replaceApi(): Promise<void> {
    const api = stage.system.apis.at(-1)
    api?.kill('SIGKILL')
    await api?.exited
    await stage.system.startApi(Number(new URL(stage.system.urls[0] ?? '').port))
  }

  async function killWorker(): Promise<void> {
    const worker = stage.system.workers.at(-1)
    worker?.kill('SIGKILL')
    expect(await worker?.exited).toMatchObject({ signal: 'SIGKILL' })
  }

  async function storedParts(): Promise<number[]> {
    const [upload] = await place.listUploads()
    const about = { Bucket: place.bucket, Key: upload?.key, UploadId: upload?.uploadId }
    const { Parts = [] } = await place.client.send(new ListPartsCommand(about))
    return Parts.map(({ PartNumber = 0 }) => PartNumber)
  }

  async function expectObjects(count: number): Promise<void> {
    await until(async () => {
      const [keys, uploads] = [await place.listKeys(), await place.listUploads()]
      return keys.length === count && uploads.length === 0 ? true : undefined
    }, patienceMs)
  }

  /** One file of these bytes, of one object, and nothing else in the bucket. */
  async function expectOneObject(client: TestClient, taskId: string): Promise<void> {
    const key = await expectFile(stage, client, taskId, bytes)
    await expectObjects(1)
    expect(await place.listKeys()).toEqual([`${place.prefix}${String(key)}`])
  }

  it('resumes when its API is killed with one part on its way, and with one that the store has and the ledger does not', async () => {
    const { client, taskId } = await created()
    faulty.inject(part, neverAnswered, 1)
    const unanswered = client.putChunk(taskId, 0, first).catch(() => undefined)
    await until(async () => (await storedParts()).includes(1) || undefined)
    await expectTaken(client, taskId, 2, third)
    const onItsWay = faulty.inject(part, { kind: 'stall', forMs: 0, before: 'store' }, 1)
    const request = holdRequest(client, 'PUT', `/api/files/upload/chunk/${taskId}/1`, { 'content-length': chunkBytes })
    await request.send(second.subarray(0, chunkBytes / 2))
    await until(async () => onItsWay.hits === 1 || undefined)
    await replaceApi()
    expect(await unanswered).toBeUndefined()
    const { body } = await client.call('GET', `/api/files/upload/resume/${taskId}`)
    expect(body).toMatchObject({ status: 'InProgress', uploadedChunks: [2] })
    for (const [index, chunk] of [first, second].entries()) {
      await until(async () => (await client.putChunk(taskId, index, chunk)).status === 200 || undefined, patienceMs)
    }
    expect(await client.complete(taskId)).toMatchObject({ status: 200 })
    await expectOneObject(client, taskId)
  })

  it.each<[string, Fault]>([
    ['before the store has been told to complete it', neverAsked],
    ['when the store has completed it and nobody knows', neverAnswered],
  ])('is finished by another worker when its own is killed %s', async (_when, fault) => {
    const { client, taskId } = await sent()
    const completing = faulty.inject(completion, fault, 1)
    await client.complete(taskId, { prefer: 'respond-async' })
    await until(async () => {
      if (completing.hits === 0) return undefined
      return fault === neverAsked || (await place.listKeys()).length === 1 || undefined
    })
    await killWorker()
    await stage.system.startWorker()
    await untilCompleted(stage.sql, taskId, patienceMs)
    await expectOneObject(client, taskId)
  })

  it('is finished by another worker when its own is killed before the last transaction is committed', async () => {
    const { client, taskId } = await sent()
    const commit = await holdCommits(stage.sql)
    await client.complete(taskId, { prefer: 'respond-async' })
    await commit.reached()
    expect(await place.listKeys()).toHaveLength(1)
    await killWorker()
    await commit.letGo()
    await stage.system.startWorker()
    await untilCompleted(stage.sql, taskId, patienceMs)
    await expectOneObject(client, taskId)
  })

  it('leaves nothing when its API is killed between the store and the ledger', async () => {
    faulty.inject(begin, neverAnswered, 1)
    const client = await stage.client()
    const unanswered = client.create(bytes, { poolId }).catch(() => undefined)
    await until(async () => (await place.listUploads()).length === 1 || undefined)
    await replaceApi()
    expect(await unanswered).toBeUndefined()
    const quota = { defaultLimitBytes: unlimitedBytes }
    const settings = { defaultPoolId: randomUUID(), quota, declared: [], dataDir: stage.system.dataDir }
    const readVariable = (name: string): string | undefined => env[name]
    const pools = await openPools(stage.sql, { ...settings, uploadsPath: undefined, readVariable }, silent)
    // What is young may belong to somebody who is about to write it down; here nothing is too young.
    await sweepUnknownStaging({ sql: stage.sql, pools, log: silent }, -60_000)
    await expectObjects(0)
  })

  it('a copy into an S3 pool is made once when its worker is killed with the store done and nobody told', async () => {
    const client = await stage.client()
    const small = patternOf(100_000)
    const fileId = await uploaded(client, small, 'small.bin')
    const copying = faulty.inject({ method: 'PUT' }, neverAnswered, 1)
    const moving = runTask(client, 'FileMove', { fileIds: [fileId], targetPoolId: poolId })
    await until(async () => (copying.hits === 1 && (await place.listKeys()).length === 1) || undefined)
    await killWorker()
    await stage.system.startWorker()
    expect(await moving).toMatchObject({ status: 'Completed' })
    expect((await client.download(fileId)).equals(small)).toBe(true)
    await expectObjects(1)
  })
})
