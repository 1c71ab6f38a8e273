import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { chunksOf } from '../support/client.ts'
import { openFaultyS3Stage } from '../support/faulty-s3-stage.ts'
import type { FaultyStore } from '../support/faulty-store.ts'
import { measureLoad, withLoopDelay } from '../support/load.ts'
import { describeWithS3 } from '../support/s3-store.ts'
import type { Stage } from '../support/stage.ts'

const mebibyte = 1024 * 1024
const atOnce = 8
const chunkBytes = 16 * mebibyte
const poolId = randomUUID()
const bytes = randomBytes(atOnce * chunkBytes)

describeWithS3('chunks on their way to an S3 pool', { timeout: 60_000 }, () => {
  let faulty: FaultyStore
  let stage: Stage
  beforeAll(async () => {
    ;({ faulty, stage } = await openFaultyS3Stage(poolId, { workers: 0, env: withLoopDelay }))
  })
  afterAll(() => stage.close())

  it('stay with their senders while the store takes nothing: two chunks of memory for each request are never needed', async () => {
    const client = await stage.client()
    const send = async (): Promise<void> => {
      const { body } = await client.create(bytes, { poolId, chunkSize: chunkBytes })
      expect(body['chunkSize']).toBe(chunkBytes)
      const answers = chunksOf(bytes, chunkBytes).map((chunk, index) =>
        client.putChunk(String(body['taskId']), index, chunk),
      )
      for (const { status } of await Promise.all(answers)) expect(status).toBe(200)
    }
    // What a process sets up once for whatever comes later.
    await send()
    const [api] = stage.system.apis
    if (!api) throw new Error('there is no API process')
    const stalled = faulty.inject(
      { method: 'PUT', query: ['partNumber'] },
      { kind: 'stall', forMs: 1500, before: 'store' },
    )
    const { risenBytes } = await measureLoad(api, send)
    expect(stalled.hits).toBe(atOnce)
    console.log(
      `${atOnce} chunks of ${chunkBytes / mebibyte} MiB at once: memory +${(risenBytes / mebibyte).toFixed(0)} MiB`,
    )
    expect(risenBytes).toBeLessThan(atOnce * 2 * chunkBytes)
    // Far less, in truth: a quarter of a chunk each is what is passed on ahead, buffers of sockets and what is not collected yet.
    expect(risenBytes).toBeLessThan((atOnce * chunkBytes) / 2)
  })
})
