import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import { mendUsage } from '../../src/files/quota.ts'
import type { TestClient } from '../support/client.ts'
import { addPool, runTask, showFile, untilEnded, uploaded } from '../support/job-files.ts'
import { silent } from '../support/ledger.ts'
import { untilClaimed } from '../support/outcome.ts'
import { expectRefusal } from '../support/refusal.ts'
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

  it('is held up by the quota of whose it is, and one of everybody by nobody’s: it is booked as it costs there', async () => {
    const [one, other] = [await stage.client(), await stage.client()]
    const [source, dear] = [await addPool(stage), await addPool(stage)]
    await stage.sql`update pools set cost_multiplier = 3 where id = ${dear}`
    const token = await signToken(secret, { account: randomUUID(), admin: true, expiresInSeconds: 60 })
    const authorization = `Bearer ${token}`
    const call: TestClient['call'] = (method, path, options) =>
      one.call(method, path, { ...options, headers: { ...options?.headers, authorization } })
    for (const client of [one, other]) {
      await client.upload(randomBytes(100), { poolId: source })
      await call('PUT', `/api/admin/accounts/${client.account}/quota`, { body: { limitBytes: 200 } })
    }
    const quota = async (client: TestClient) => (await client.call('GET', '/api/quota')).body
    const parameters = { sourcePoolId: source, targetPoolId: dear }
    const own = await runTask(one, 'StorageMigration', parameters)
    expect(own).toMatchObject({ status: 'Failed', errorCode: 'QUOTA_EXCEEDED' })
    expect(await quota(one)).toMatchObject({ usedBytes: 100 })
    // Of one account first, then of the rest: how many they are makes no difference.
    await stage.sql`update files set name = 'first' where account_id = ${one.account}`
    for (const filter of [{ name: 'first' }, {}]) {
      const ended = await runTask({ ...one, call }, 'StorageMigration', { ...parameters, filter, allAccounts: true })
      expect(ended).toMatchObject({ status: 'Completed', results: { filesProcessed: 1, filesFailed: 0 } })
    }
    for (const client of [one, other]) {
      expect(await quota(client)).toMatchObject({ usedBytes: 300, limitBytes: 200, availableBytes: 0 })
      expectRefusal(await client.create(randomBytes(1)), 403, 'QUOTA_EXCEEDED')
    }
    expect(await mendUsage({ sql: stage.sql, log: silent })).toBe(0)
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
