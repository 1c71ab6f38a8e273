import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import type { TestClient } from '../support/client.ts'
import { addPool, runTask, showFile, untilEnded, uploaded } from '../support/job-files.ts'
import { untilClaimed } from '../support/outcome.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret, until } from '../support/system.ts'
import { createTask, untilStatus, verb } from '../support/tasks.ts'

const sourcePoolId = '550e8400-e29b-41d4-a716-446655440000'

describe('StorageMigration', { timeout: 120_000 }, () => {
  let stage: Stage
  let targetPoolId: string
  beforeAll(async () => {
    stage = await openStage({ workers: 2 })
    targetPoolId = await addPool(stage)
  })
  afterAll(() => stage.close())

  async function filesOf(client: TestClient, count: number, sizeBytes = 2000): Promise<Map<string, Buffer>> {
    const files = new Map<string, Buffer>()
    for (let index = 0; index < count; index++) {
      const bytes = randomBytes(sizeBytes)
      files.set(await uploaded(client, bytes, `file ${index}.bin`), bytes)
    }
    return files
  }

  async function expectAt(client: TestClient, poolId: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
    for (const [id, bytes] of files) {
      expect(await showFile(client, id)).toMatchObject({ poolId })
      expect((await client.download(id)).equals(bytes)).toBe(true)
    }
  }

  it('moves an account’s files with a report, and back again when run the other way round', async () => {
    const client = await stage.client()
    const files = await filesOf(client, 5)
    const task = await runTask(client, 'StorageMigration', { sourcePoolId, targetPoolId })
    expect(task).toMatchObject({
      status: 'Completed',
      results: { filesProcessed: 5, objectsCopied: 5, bytesCopied: 10_000, filesFailed: 0, failures: [] },
    })
    await expectAt(client, targetPoolId, files)
    expect(await runTask(client, 'StorageMigration', { sourcePoolId, targetPoolId })).toMatchObject({
      results: { filesProcessed: 0 },
    })
    await runTask(client, 'StorageMigration', { sourcePoolId: targetPoolId, targetPoolId: sourcePoolId })
    await expectAt(client, sourcePoolId, files)
  })

  it('moves only what the filter means, and in a dry run nothing', async () => {
    const client = await stage.client()
    const other = await stage.client()
    const theirs = await filesOf(other, 1)
    const files = await filesOf(client, 12)
    const meant = { sourcePoolId, targetPoolId, filter: { name: 'FILE 1?.bin' } }
    const dry = await runTask(client, 'StorageMigration', { ...meant, dryRun: true })
    expect(dry).toMatchObject({ results: { dryRun: true, filesProcessed: 2, bytesCopied: 4000 } })
    await expectAt(client, sourcePoolId, files)
    await runTask(client, 'StorageMigration', meant)
    const ids = [...files.keys()]
    const moved = await Promise.all(ids.map(async (id) => (await showFile(client, id))['poolId'] === targetPoolId))
    expect(ids.filter((_, index) => moved[index])).toEqual(ids.slice(10))
    await expectAt(other, sourcePoolId, theirs)
  })

  it('goes on past a file whose bytes are not what was recorded, and says which', async () => {
    const client = await stage.client()
    const files = await filesOf(client, 3)
    const [bad = ''] = files.keys()
    await stage.sql`
      update objects set sha256 = ${randomBytes(32)} where id = (select object_id from files where id = ${bad})`
    const task = await runTask(client, 'StorageMigration', { sourcePoolId, targetPoolId })
    expect(task).toMatchObject({
      status: 'Completed',
      results: { filesProcessed: 2, filesFailed: 1, failures: [{ fileId: bad, code: 'SOURCE_DAMAGED' }] },
    })
    expect(await showFile(client, bad)).toMatchObject({ poolId: sourcePoolId })
  })

  it('goes on where a killed worker stopped, and takes new files along', async () => {
    const client = await stage.client()
    const files = await filesOf(client, 20, 50_000)
    const slow = { sourcePoolId, targetPoolId, concurrency: 1, bytesPerSecond: 200_000 }
    const taskId = await createTask(client, 'StorageMigration', slow)
    const { pid } = await untilClaimed(stage.sql, taskId)
    await until(async () => {
      const [row] =
        await stage.sql`select count(*)::int as n from task_outputs where task_id = ${taskId} and key is not null`
      return Number(row?.['n']) > 3 || undefined
    })
    stage.system.workers.find((one) => one.pid === pid)?.kill('SIGKILL')
    for (const [id, bytes] of await filesOf(client, 2)) files.set(id, bytes)
    const task = await untilEnded(client, taskId)
    expect(task).toMatchObject({ status: 'Completed', results: { filesProcessed: 22, objectsCopied: 22 } })
    await expectAt(client, targetPoolId, files)
    await stage.system.startWorker()
  })

  it('stops at once when paused, and ends as if it had not been', async () => {
    const client = await stage.client()
    const files = await filesOf(client, 6, 100_000)
    const slow = { sourcePoolId, targetPoolId, concurrency: 2, bytesPerSecond: 150_000 }
    const taskId = await createTask(client, 'StorageMigration', slow)
    await untilClaimed(stage.sql, taskId)
    await verb(client, taskId, 'pause')
    await until(async () => {
      const [row] = await stage.sql`select lease_expires_at from tasks where id = ${taskId}`
      return row?.['leaseExpiresAt'] === null || undefined
    }, 5000)
    await untilStatus(client, taskId, 'Paused')
    await verb(client, taskId, 'resume')
    expect(await untilEnded(client, taskId)).toMatchObject({
      results: { filesProcessed: 6, bytesCopied: 600_000 },
    })
    await expectAt(client, targetPoolId, files)
  })

  it('of everybody’s files is for administrators, whatever form the wish takes', async () => {
    const client = await stage.client()
    for (const allAccounts of [true, 1, { $result: { taskId: randomUUID(), path: 'x' } }]) {
      const parameters = { sourcePoolId, targetPoolId, allAccounts }
      const { status } = await client.call('POST', '/api/tasks', { body: { type: 'StorageMigration', parameters } })
      expect([400, 403]).toContain(status)
    }
    const parameters = { sourcePoolId, targetPoolId, allAccounts: true, filter: { contentType: 'x/none' } }
    const body = { type: 'StorageMigration', parameters }
    expect(await client.call('POST', '/api/tasks', { body })).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN' },
    })
    const token = await signToken(secret, { account: randomUUID(), admin: true, expiresInSeconds: 60 })
    const headers = { authorization: `Bearer ${token}` }
    expect(await client.call('POST', '/api/tasks', { body, headers })).toMatchObject({ status: 201 })
  })

  it.each([
    [{ sourcePoolId, targetPoolId: sourcePoolId }, 'parameters.targetPoolId'],
    [{ sourcePoolId, targetPoolId: randomUUID(), concurrency: 0 }, 'parameters.concurrency'],
    [{ sourcePoolId, targetPoolId: randomUUID(), filter: { contentType: 'image' } }, 'parameters.filter.contentType'],
    [{ sourcePoolId, targetPoolId: randomUUID(), filter: { colour: 'x' } }, 'parameters.filter.colour'],
  ])('is refused at once with %j', async (parameters, field) => {
    const client = await stage.client()
    const { status, body } = await client.call('POST', '/api/tasks', { body: { type: 'StorageMigration', parameters } })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain(`"${field}"`)
  })
})
