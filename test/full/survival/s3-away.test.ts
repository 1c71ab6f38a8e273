import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { chunksOf } from '../../support/client.ts'
import { openFaultyS3Stage } from '../../support/faulty-s3-stage.ts'
import { type FaultyStore, failure } from '../../support/faulty-store.ts'
import { expectFile, patternOf, untilCompleted } from '../../support/outcome.ts'
import { describeWithS3 } from '../../support/s3-store.ts'
import type { Stage } from '../../support/stage.ts'
import { until } from '../../support/system.ts'

const chunkBytes = 5 * 1024 * 1024
const bytes = patternOf(chunkBytes + 17)
const poolId = randomUUID()

describeWithS3('an S3 pool that cannot be used for a while', { timeout: 90_000 }, () => {
  let faulty: FaultyStore
  let stage: Stage
  beforeAll(async () => {
    ;({ faulty, stage } = await openFaultyS3Stage(poolId))
  })
  afterAll(() => stage.close())

  async function health(): Promise<unknown> {
    return (await fetch(`${stage.system.urls[0] ?? ''}/health/uploads`)).json()
  }

  it('is asked once, however many want to know how it is', async () => {
    faulty.takeRequests()
    await Promise.all(Array.from({ length: 50 }, health))
    expect(faulty.takeRequests().filter((request) => request.endsWith('?uploads=')).length).toBeLessThanOrEqual(1)
  })

  it('costs an upload time and nothing else', async () => {
    const client = await stage.client()
    const { body } = await client.create(bytes, { poolId })
    const taskId = String(body['taskId'])
    for (const [index, chunk] of chunksOf(bytes, chunkBytes).entries()) await client.putChunk(taskId, index, chunk)
    // Refused at once, where a store that does not answer would be asked for a minute.
    const away = faulty.inject({}, failure(403, 'AccessDenied'))
    await client.complete(taskId, { prefer: 'respond-async' })
    const [worker] = stage.system.workers
    const rests = (): number =>
      worker?.logs.filter(({ msg }) => msg === 'a run could not use its pool and waits for it').length ?? 0
    await until(async () => rests() >= 3 || undefined, 40_000)
    const [task] = await stage.sql`select status, attempts from tasks where id = ${taskId}`
    expect(task).toMatchObject({ status: 'InProgress' })
    expect(task?.['attempts']).toBeLessThanOrEqual(1)
    await until(async () => JSON.stringify(await health()).includes('"ACCESS_DENIED"') || undefined)
    away.end()
    await untilCompleted(stage.sql, taskId, 40_000)
    await expectFile(stage, client, taskId, bytes)
    expect(await stage.eventTypes(taskId)).not.toContain('task.retried')
    await until(async () => !JSON.stringify(await health()).includes('"ACCESS_DENIED"') || undefined)
  })
})
