import { stat } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { chunksOf, type TestClient } from '../../support/client.ts'
import { holdCommits } from '../../support/held-commits.ts'
import { expectOneFile, patternOf, poolFiles, untilClaimed, untilCompleted } from '../../support/outcome.ts'
import { openSlowStage, type SlowStage } from '../../support/slow-stage.ts'
import type { Stage } from '../../support/stage.ts'
import { until } from '../../support/system.ts'

// Read in nine pieces, which take 300 ms each while the disk is slow.
const bytes = patternOf(8 * 1024 * 1024 + 17)
/** Lease, sweep, delivery and the finishing itself. */
const takenOverWithinMs = 10_000

describe('an upload whose worker', { timeout: 120_000 }, () => {
  let stage: SlowStage
  beforeAll(async () => {
    stage = await openSlowStage({ workers: 1 })
  })
  afterAll(() => stage.close())

  it('is killed while it reads the bytes back is finished by one that is started later', async () => {
    const { client, taskId } = await send(stage)
    await stage.setSlow(true)
    await client.complete(taskId, { prefer: 'respond-async' })
    await killHolder(stage, taskId)
    await stage.setSlow(false)
    expect(await statusOf(stage, taskId)).toMatchObject({ status: 'InProgress', epoch: 1 })
    await stage.system.startWorker()
    await untilCompleted(stage.sql, taskId, takenOverWithinMs)
    await expectOneFile(stage, client, taskId, bytes)
  })

  it('is killed while it copies a file that a late writer may have open is finished by another', async () => {
    await stage.system.startWorker()
    const { client, taskId } = await send(stage)
    await stage.sql`update uploads set tainted = true where task_id = ${taskId}`
    await stage.setSlow(true)
    await client.complete(taskId, { prefer: 'respond-async' })
    await until(async () => (await poolFiles(stage.system)).find((name) => name === `.uploads/${taskId}.e1.copy`))
    await killHolder(stage, taskId)
    await stage.setSlow(false)
    expect(await statusOf(stage, taskId)).toMatchObject({ status: 'InProgress', epoch: 1 })
    await untilCompleted(stage.sql, taskId, takenOverWithinMs)
    await expectOneFile(stage, client, taskId, bytes)
  })

  it('is killed between publishing the object and committing it is finished by another', async () => {
    await stage.system.startWorker()
    const { client, taskId } = await send(stage)
    const commit = await holdCommits(stage.sql)
    await client.complete(taskId, { prefer: 'respond-async' })
    await commit.reached()
    expect((await poolFiles(stage.system)).filter((name) => name.includes(taskId))).toEqual([
      expect.stringContaining(`${taskId}-1`),
    ])
    await killHolder(stage, taskId)
    await commit.letGo()
    expect(await statusOf(stage, taskId)).toMatchObject({ status: 'InProgress', epoch: 1 })
    await untilCompleted(stage.sql, taskId, takenOverWithinMs)
    await expectOneFile(stage, client, taskId, bytes)
  })

  it('is killed with several at once in its hands: all are finished by another', async () => {
    await stage.system.startWorker()
    const sent = await Promise.all(Array.from({ length: 4 }, () => send(stage)))
    await stage.setSlow(true)
    await Promise.all(sent.map(({ client, taskId }) => client.complete(taskId, { prefer: 'respond-async' })))
    await killHolder(stage, ...sent.map(({ taskId }) => taskId))
    await stage.setSlow(false)
    for (const { client, taskId } of sent) {
      await untilCompleted(stage.sql, taskId, takenOverWithinMs)
      await expectOneFile(stage, client, taskId, bytes)
    }
  })
})

describe('an upload whose worker freezes past its lease', { timeout: 120_000 }, () => {
  let stage: SlowStage
  beforeAll(async () => {
    stage = await openSlowStage({ workers: 2 })
  })
  afterAll(() => stage.close())

  it('while it reads the bytes back is finished by another, and nothing changes when it wakes', async () => {
    const { client, taskId } = await send(stage)
    await stage.setSlow(true)
    await client.complete(taskId, { prefer: 'respond-async' })
    await expectTakenOver(stage, client, taskId, () => stage.setSlow(false))
  })

  it('in the middle of the last transaction is finished by another, and nothing changes when it wakes', async () => {
    const { client, taskId } = await send(stage)
    const commit = await holdCommits(stage.sql)
    await client.complete(taskId, { prefer: 'respond-async' })
    await commit.reached()
    await expectTakenOver(stage, client, taskId, commit.letGo)
  })
})

async function send(stage: Stage): Promise<{ client: TestClient; taskId: string }> {
  const client = await stage.client()
  const { body } = await client.create(bytes, { chunkSize: 2 * 1024 * 1024 })
  const taskId = String(body['taskId'])
  for (const [index, piece] of chunksOf(bytes, 2 * 1024 * 1024).entries()) {
    expect(await client.putChunk(taskId, index, piece)).toMatchObject({ status: 200 })
  }
  return { client, taskId }
}

/** Kills the worker that is the first to have one of the tasks, as soon as it has it. */
async function killHolder(stage: Stage, ...taskIds: string[]): Promise<void> {
  const { pid } = await untilClaimed(stage.sql, ...taskIds)
  const worker = stage.system.workers.find((one) => one.pid === pid)
  worker?.kill('SIGKILL')
  expect(await worker?.exited).toMatchObject({ signal: 'SIGKILL' })
}

/** Freezes the worker that has the task until another has finished it, then wakes it. */
async function expectTakenOver(stage: Stage, client: TestClient, taskId: string, whenFrozen?: () => Promise<void>) {
  const { pid, epoch } = await untilClaimed(stage.sql, taskId)
  const worker = stage.system.workers.find((one) => one.pid === pid)
  worker?.kill('SIGSTOP')
  await whenFrozen?.()
  onTestFinished(() => worker?.kill('SIGCONT'))
  expect(epoch).toBe(1)
  await untilCompleted(stage.sql, taskId, takenOverWithinMs + 5000)
  await expectOneFile(stage, client, taskId, bytes)
  const before = await picture(stage, taskId)
  worker?.kill('SIGCONT')
  await worker?.waitForLog((line) => line['taskId'] === taskId && line['epoch'] === 1)
  expect(await picture(stage, taskId)).toEqual(before)
  await expectOneFile(stage, client, taskId, bytes)
}

/** All that could change when a worker comes back late. */
async function picture(stage: Stage, taskId: string): Promise<unknown> {
  const rows = await stage.sql`
    select t.*, u.*, (select count(*)::int from objects) as objects_count, (select count(*)::int from files) as files_count
    from tasks t join uploads u on u.task_id = t.id where t.id = ${taskId}`
  const names = await poolFiles(stage.system)
  const inodes = await Promise.all(names.map(async (name) => (await stat(`${stage.poolPath}/${name}`)).ino))
  return { rows: [...rows], names, inodes }
}

async function statusOf(stage: Stage, taskId: string): Promise<unknown> {
  const [task] = await stage.sql`select status, epoch from tasks where id = ${taskId}`
  return task
}
