import { randomBytes, randomUUID } from 'node:crypto'
import { CreateMultipartUploadCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openPools } from '../../src/files/pools.ts'
import { sweepUnknownStaging } from '../../src/uploads/sweep.ts'
import type { TestClient } from '../support/client.ts'
import { runTask, uploaded } from '../support/job-files.ts'
import { silent } from '../support/ledger.ts'
import { s3PoolAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place, type S3Place } from '../support/s3-store.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

const localPoolId = '550e8400-e29b-41d4-a716-446655440000'
const [poolId, secondPoolId] = [randomUUID(), randomUUID()]
const chunkBytes = 5 * 1024 * 1024

describeWithS3('uploads to an S3 pool', { timeout: 120_000 }, () => {
  let place: S3Place
  let stage: Stage
  let client: TestClient
  let env: Record<string, string>
  beforeAll(async () => {
    place = await openS3Place()
    const at = (prefix: string) => s3PoolAt(place, { prefix: `${place.prefix}${prefix}/` })
    const pools = [
      { id: poolId, name: 'first', kind: 's3', settings: at('first').settings },
      { id: secondPoolId, name: 'second', kind: 's3', settings: at('second').settings },
    ]
    env = at('first').env
    stage = await openStage({ env: { ...env, STORAGE_POOLS: JSON.stringify(pools) } })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  async function expectOnly(objects: number): Promise<void> {
    await until(async () => {
      const [keys, uploads] = [await place.listKeys(), await place.listUploads()]
      return keys.length === objects && uploads.length === 0 ? true : undefined
    })
  }

  it('raises chunks that S3 cannot take, stores them as parts, and serves any range', async () => {
    const bytes = randomBytes(2 * chunkBytes + 12_345)
    const { body } = await client.create(bytes, { poolId, chunkSize: 1000 })
    expect(body).toMatchObject({ chunkSize: chunkBytes, chunksCount: 3 })
    const file = await client.send(bytes, body)
    expect((await client.download(file['id'])).equals(bytes)).toBe(true)
    const path = `${client.url}/api/files/${String(file['id'])}/content`
    const headers = { authorization: `Bearer ${client.token}`, range: `bytes=${chunkBytes - 2}-${chunkBytes + 1}` }
    const range = Buffer.from(await (await fetch(path, { headers })).arrayBuffer())
    expect(range.equals(bytes.subarray(chunkBytes - 2, chunkBytes + 2))).toBe(true)
    await expectOnly(1)
    await place.clear()
  })

  it('stores an empty file', async () => {
    const { file } = await client.upload(Buffer.alloc(0), { poolId })
    expect(await client.download(file['id'])).toHaveLength(0)
    await expectOnly(1)
    await place.clear()
  })

  it('asks again for the part that the store has wrong, and only for that, and leaves one object', async () => {
    const bytes = randomBytes(3 * chunkBytes)
    const { body } = await client.create(bytes, { poolId })
    const taskId = String(body['taskId'])
    const piece = (index: number) => bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes)
    for (let index = 0; index < 3; index++) await client.putChunk(taskId, index, piece(index))
    const [upload] = await place.listUploads()
    await place.client.send(
      new UploadPartCommand({
        Bucket: place.bucket,
        Key: upload?.key,
        UploadId: upload?.uploadId,
        PartNumber: 2,
        Body: randomBytes(chunkBytes),
      }),
    )
    const refused = await client.complete(taskId)
    expect(refused).toMatchObject({ status: 409, body: { code: 'CHUNKS_DAMAGED', details: { missingChunks: [1] } } })
    expect((await client.putChunk(taskId, 1, piece(1))).status).toBe(200)
    const { body: file } = await client.complete(taskId)
    expect((await client.download(file['id'])).equals(bytes)).toBe(true)
    await expectOnly(1)
    await place.clear()
  })

  it('leaves nothing of one that is cancelled', async () => {
    const bytes = randomBytes(2 * chunkBytes)
    const { body } = await client.create(bytes, { poolId })
    await client.putChunk(String(body['taskId']), 0, bytes.subarray(0, chunkBytes))
    expect(await place.listUploads()).toHaveLength(1)
    await client.call('DELETE', `/api/files/upload/task/${String(body['taskId'])}`)
    await expectOnly(0)
  })

  it('sweeps what a process began before it died and the ledger never knew, and nothing else', async () => {
    const bytes = randomBytes(2 * chunkBytes)
    const { body } = await client.create(bytes, { poolId })
    const id = randomUUID()
    const key = `${place.prefix}first/objects/${id.slice(-4, -2)}/${id.slice(-2)}/${id}-0`
    await place.client.send(new CreateMultipartUploadCommand({ Bucket: place.bucket, Key: key }))
    const settings = {
      defaultPoolId: localPoolId,
      quota: { defaultLimitBytes: Number.MAX_SAFE_INTEGER },
      declared: [],
      dataDir: stage.system.dataDir,
      uploadsPath: undefined,
    }
    const pools = await openPools(stage.sql, { ...settings, readVariable: (name) => env[name] }, silent)
    const deps = { sql: stage.sql, pools, log: silent }
    await sweepUnknownStaging(deps, 3_600_000)
    expect((await place.listUploads()).map((upload) => upload.key)).toContain(key)
    await sweepUnknownStaging(deps, -60_000)
    const left = await place.listUploads()
    expect(left.map((upload) => upload.key)).not.toContain(key)
    expect(left).toHaveLength(1)
    const file = await client.send(bytes, body)
    expect((await client.download(file['id'])).equals(bytes)).toBe(true)
    await place.clear()
  })

  it('moves files between a folder and buckets, by any way', async () => {
    const account = await stage.client()
    const files = new Map<string, Buffer>()
    for (const sizeBytes of [0, 1000, 9_000_000]) {
      const bytes = randomBytes(sizeBytes)
      files.set(await uploaded(account, bytes, `${sizeBytes}.bin`), bytes)
    }
    const way = [localPoolId, poolId, secondPoolId, localPoolId]
    for (const [step, targetPoolId] of way.slice(1).entries()) {
      const task = await runTask(account, 'StorageMigration', { sourcePoolId: way[step], targetPoolId })
      expect(task).toMatchObject({ status: 'Completed', results: { filesProcessed: 3, filesFailed: 0 } })
      for (const [id, bytes] of files) expect((await account.download(id)).equals(bytes)).toBe(true)
    }
  })
})
