import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type OwnCeph, startCephGateway } from '../../scripts/stack/ceph-gateway.ts'
import { chunksOf } from '../support/client.ts'
import { patternOf, untilCompleted } from '../support/outcome.ts'
import { s3PoolAt } from '../support/s3-pool.ts'
import { describeWithCeph, openS3Place, type S3Place } from '../support/s3-store.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

const chunkSizeBytes = 5 * 1024 * 1024
const bytes = patternOf(3 * chunkSizeBytes + 17)
const poolId = randomUUID()

describeWithCeph('an upload whose S3 gateway', { timeout: 120_000 }, () => {
  let ceph: OwnCeph
  let place: S3Place
  let stage: Stage
  beforeAll(async () => {
    // A gateway that dies within a completion leaves a lock; production waits 600 s for it.
    ceph = await startCephGateway({ settings: { 'rgw mp lock max time': 3 } })
    place = await openS3Place(ceph)
    const { settings, env } = s3PoolAt(place)
    const pools = [{ id: poolId, name: 'S3', kind: 's3', settings }]
    stage = await openStage({ env: { STORAGE_POOLS: JSON.stringify(pools), ...env } })
  })
  afterAll(async () => {
    await stage.close()
    await ceph.stop()
  })

  async function send(): Promise<{ client: Awaited<ReturnType<Stage['client']>>; taskId: string }> {
    const client = await stage.client()
    const { body } = await client.create(bytes, { poolId })
    const taskId = String(body['taskId'])
    for (const [index, chunk] of chunksOf(bytes, chunkSizeBytes).entries()) {
      expect((await client.putChunk(taskId, index, chunk)).status).toBe(200)
    }
    return { client, taskId }
  }

  it.each([0, 20])('is killed %i ms after it was to be completed becomes one file', async (afterMs) => {
    const { client, taskId } = await send()
    await client.complete(taskId, { prefer: 'respond-async' })
    // The moment of the fault, not a wait for anything.
    await delay(afterMs)
    await ceph.kill9()
    await ceph.start()
    await untilCompleted(stage.sql, taskId, 60_000)
    const { body } = await client.complete(taskId)
    expect((await client.download(body['id'])).equals(bytes)).toBe(true)
    const keys = await stage.sql<{ key: string }[]>`select key from objects`
    await until(async () => (await place.listUploads()).length === 0 || undefined, 30_000)
    expect(await place.listKeys()).toEqual(keys.map(({ key }) => place.prefix + key).sort())
  })

  it('hangs for a while goes on when it answers again', async () => {
    const { client, taskId } = await send()
    ceph.freeze()
    await client.complete(taskId, { prefer: 'respond-async' })
    await delay(3000)
    ceph.thaw()
    await untilCompleted(stage.sql, taskId, 60_000)
    const { body } = await client.complete(taskId)
    expect((await client.download(body['id'])).equals(bytes)).toBe(true)
  })
})
