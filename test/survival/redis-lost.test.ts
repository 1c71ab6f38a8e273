import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Answer, TestClient } from '../support/client.ts'
import { expectOneFile, untilCompleted } from '../support/outcome.ts'
import { describeWithRedis } from '../support/redis.ts'
import { startRedisServer, type TestRedisServer } from '../support/redis-server.ts'
import { openStage, type Stage } from '../support/stage.ts'

/** The ledger looks for lost deliveries once they are 2 s old. */
const deliveredAgainWithinMs = 8000
/** What a request takes at most that waits for nothing. */
const answeredWithinMs = 1000

describeWithRedis('a Redis that', () => {
  let redis: TestRedisServer
  let stage: Stage
  const bytes = () => randomBytes(300_000)

  beforeAll(async () => {
    redis = await startRedisServer()
    stage = await openStage({ redisUrl: redis.redisUrl, workers: 0 })
  })
  afterAll(async () => {
    await stage.close()
    await redis.stop()
  })

  it('is flushed before any worker is there costs nothing', async () => {
    const client = await stage.client()
    const mine = bytes()
    const taskId = await sendAll(client, mine)
    expect(await client.complete(taskId, { prefer: 'respond-async' })).toMatchObject({ status: 202 })
    await redis.flush()
    await stage.system.startWorker()
    await untilCompleted(stage.sql, taskId, deliveredAgainWithinMs)
    await expectOneFile(stage, client, taskId, mine)
  })

  it('is flushed under an idle worker does not keep it from new work', async () => {
    await redis.flush()
    const client = await stage.client()
    const mine = bytes()
    const taskId = await sendAll(client, mine)
    expect(await client.complete(taskId)).toMatchObject({ status: 200 })
    await expectOneFile(stage, client, taskId, mine)
  })

  it('is killed is not waited for by anybody who asks the API, and its work is done when it is back', async () => {
    await redis.kill9()
    const client = await stage.client()
    const mine = bytes()
    const taskId = await sendAll(client, mine)
    const completed = await quick(client.complete(taskId, { prefer: 'respond-async' }))
    expect(completed).toMatchObject({ status: 202, body: { phase: 'finishing' } })
    expect(await quick(client.complete(taskId, { prefer: 'respond-async' }))).toMatchObject({ status: 202 })
    expect(await quick(client.call('GET', `/api/files/upload/resume/${taskId}`))).toMatchObject({ status: 200 })
    await redis.start()
    await untilCompleted(stage.sql, taskId)
    await expectOneFile(stage, client, taskId, mine)
  })

  it('is away does not keep a process from stopping in time', async () => {
    await redis.kill9()
    const since = Date.now()
    const all = [...stage.system.apis, ...stage.system.workers]
    for (const one of all) one.kill('SIGTERM')
    for (const one of all) expect(await one.exited).toEqual({ code: 0, signal: null })
    expect(Date.now() - since).toBeLessThan(10_000)
    await redis.start()
  })
})

/** Creates an upload and sends its chunks; no answer may take long. */
async function sendAll(client: TestClient, bytes: Buffer): Promise<string> {
  const created = await quick(client.create(bytes, { chunkSize: 100_000 }))
  const taskId = String(created.body['taskId'])
  for (const index of [0, 1, 2]) {
    const sent = await quick(client.putChunk(taskId, index, bytes.subarray(index * 100_000, (index + 1) * 100_000)))
    expect(sent).toMatchObject({ status: 200 })
  }
  return taskId
}

async function quick(answer: Promise<Answer>): Promise<Answer> {
  const askedAt = Date.now()
  const answered = await answer
  expect(Date.now() - askedAt).toBeLessThan(answeredWithinMs)
  return answered
}
