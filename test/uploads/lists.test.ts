import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { errorsOf, expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { createTask, listIn, untilStatus, verb } from '../support/tasks.ts'

const uploads = '/api/files/upload'

describe('the lists and figures of uploads', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ apis: 2 })
  })
  afterAll(() => stage.close())

  async function begin(client: TestClient, fileName: string, bytes: Buffer, chunks = 0): Promise<string> {
    const { body } = await client.create(bytes, { fileName, chunkSize: 10 })
    const taskId = String(body['taskId'])
    for (let index = 0; index < chunks; index++) {
      await client.putChunk(taskId, index, bytes.subarray(index * 10, index * 10 + 10))
    }
    await until(async () => {
      const rows = await stage.sql`select 1 from uploads where task_id = ${taskId} and chunks_uploaded = ${chunks}`
      return rows.length === 1 ? true : undefined
    })
    return taskId
  }

  const list = async (client: TestClient, query: string) => {
    const answer = await client.call('GET', `${uploads}/tasks${query}`)
    return { names: listIn(answer).map((one) => one['fileName']), total: answer.headers.get('x-total') }
  }
  const details = async (client: TestClient, taskId: string) =>
    (await client.call('GET', `${uploads}/tasks/${taskId}/details`)).body
  const expireNow = async (client: TestClient, taskId: string) => {
    await stage.sql`update tasks set expired_at = now() - interval '1 second' where id = ${taskId}`
    await untilStatus(client, taskId, 'Expired')
  }
  const fail = async (client: TestClient, fileName: string) => {
    const bytes = randomBytes(10)
    const { body } = await client.create(bytes, { fileName, hash: '0'.repeat(64) })
    const taskId = String(body['taskId'])
    await client.putChunk(taskId, 0, bytes)
    expectRefusal(await client.complete(taskId), 422, 'HASH_MISMATCH')
    return taskId
  }

  it('finds an unfinished upload from another device, which goes on with it', async () => {
    const client = await stage.client()
    const bytes = randomBytes(25)
    const taskId = await begin(client, 'half.bin', bytes, 1)
    await client.upload(randomBytes(25), { fileName: 'whole.bin' })

    const other = await stage.client({ account: client.account, api: 1 })
    const found = await other.call('GET', `${uploads}/tasks?status=InProgress`)
    expect(found.headers.get('x-total')).toBe('1')
    expect(listIn(found)).toEqual([
      {
        taskId,
        fileName: 'half.bin',
        fileSize: 25,
        contentType: 'application/octet-stream',
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
        poolId: '550e8400-e29b-41d4-a716-446655440000',
        bundleId: null,
        expiredAt: null,
        chunkSize: 10,
        chunksCount: 3,
        chunksUploaded: 1,
        progress: 33.3,
        status: 'InProgress',
        phase: 'receiving',
        fileId: null,
        errorMessage: null,
        lastActivity: expect.any(String),
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
      },
    ])
    const { body } = await other.call('GET', `${uploads}/resume/${String(listIn(found)[0]?.['taskId'])}`)
    expect(body['uploadedChunks']).toEqual([0])
    for (const index of [1, 2]) await other.putChunk(taskId, index, bytes.subarray(index * 10, index * 10 + 10))
    expect((await other.complete(taskId)).status).toBe(200)
    expect((await list(client, '?status=Completed&sortBy=filename')).names).toEqual(['whole.bin', 'half.bin'])
  })

  it('sorts by each field, both ways, in pages, and shows nobody else’s', async () => {
    const client = await stage.client()
    const [b, c, a] = [
      await begin(client, 'b', randomBytes(30), 1),
      await begin(client, 'c', randomBytes(10), 1),
      await begin(client, 'a', randomBytes(20), 1),
    ]
    await createTask(client, 'BulkOperation', { operationType: 'delete', filter: {} })
    await stage.sql`update tasks set last_activity = now() where id = ${c}`
    await stage.sql`update tasks set updated_at = now() + interval '1 second' where id = ${b}`
    const sorted = async (by: string, down = true) => (await list(client, `?sortBy=${by}&sortDescending=${down}`)).names
    expect(await sorted('filename')).toEqual(['c', 'b', 'a'])
    expect(await sorted('filename', false)).toEqual(['a', 'b', 'c'])
    expect(await sorted('filesize')).toEqual(['b', 'a', 'c'])
    expect(await sorted('createdAt', false)).toEqual(['b', 'c', 'a'])
    expect(await sorted('updatedAt')).toEqual(['b', 'a', 'c'])
    expect(await sorted('lastActivity')).toEqual(['c', 'a', 'b'])
    expect((await list(client, '')).names).toEqual(['c', 'a', 'b'])
    expect(await list(client, '?sortBy=filename&offset=1&limit=1')).toEqual({ names: ['b'], total: '3' })
    expect(await list(client, '?sortBy=filesize&offset=3')).toEqual({ names: [], total: '3' })
    await verb(client, a, 'pause')
    expect(await list(client, '?status=Paused&sortBy=filename')).toEqual({ names: ['a'], total: '1' })
    expect(await list(client, '?status=InProgress&sortBy=filesize')).toEqual({ names: ['b', 'c'], total: '2' })
    expect(await list(await stage.client(), '')).toEqual({ names: [], total: '0' })
  })

  it('tells names apart that begin alike for very long, and takes any name', async () => {
    const client = await stage.client()
    const long = '\u{1F600}'.repeat(500)
    for (const end of ['2', '1', '3']) await begin(client, long + end, randomBytes(10))
    const { names } = await list(client, '?sortBy=filename&sortDescending=false')
    expect(names.map((name) => String(name).at(-1))).toEqual(['1', '2', '3'])
  })

  it('refuses what it does not know, field by field', async () => {
    const client = await stage.client()
    const answer = await client.call(
      'GET',
      `${uploads}/tasks?status=Nope&sortBy=size&sortDescending=1&offset=-1&limit=201&x=1`,
    )
    const fields = ['status', 'sortBy', 'sortDescending', 'offset', 'limit', 'x']
    expect(errorsOf(answer)).toEqual(fields.map((field) => ({ field, message: expect.any(String) })))
    expect(errorsOf(await client.call('GET', `${uploads}/tasks/recent?limit=0`))).toHaveLength(1)
    const wrongMethod = await client.call('POST', `${uploads}/tasks`)
    expectRefusal(wrongMethod, 405, 'METHOD_NOT_ALLOWED')
  })

  it('tells pool, bundle, and a speed and time left of what arrived in the last 30 s', async () => {
    const client = await stage.client()
    const created = await client.call('POST', `${uploads}/create`, {
      body: { fileName: 'd', fileSize: 9995, contentType: 'a/b', hash: '1'.repeat(64), chunkSize: 1000 },
    })
    const taskId = String(created.body['taskId'])
    expect(await details(client, taskId)).toMatchObject({ uploadSpeed: 0, estimatedTimeRemaining: null, bundle: null })
    for (const index of [0, 1, 2, 9]) await client.putChunk(taskId, index, randomBytes(index === 9 ? 995 : 1000))
    // Chunk 0 came before the window; 1, 2 and the last one within it.
    await stage.sql`update tasks set created_at = now() - interval '5 minutes' where id = ${taskId}`
    await stage.sql`update upload_chunks set received_at = now() - interval '40 seconds' where task_id = ${taskId} and index = 0`
    const shown = await details(client, taskId)
    expect(shown).toMatchObject({
      pool: { id: '550e8400-e29b-41d4-a716-446655440000', name: 'default' },
      uploadedChunks: [0, 1, 2, 9],
      uploadSpeed: 100,
      estimatedTimeRemaining: 60,
      errorCode: null,
    })
    // After a break only what came since counts.
    await verb(client, taskId, 'pause')
    expect(await details(client, taskId)).toMatchObject({ status: 'Paused', estimatedTimeRemaining: null })
    await verb(client, taskId, 'resume')
    expect(await details(client, taskId)).toMatchObject({ uploadSpeed: 0, estimatedTimeRemaining: null })
    await client.putChunk(taskId, 3, randomBytes(1000))
    expect(Number((await details(client, taskId))['uploadSpeed'])).toBeGreaterThan(100)
    const stranger = await stage.client()
    const refused = await stranger.call('GET', `${uploads}/tasks/${taskId}/details`)
    expectRefusal(refused, 404, 'TASK_NOT_FOUND')
    const { taskId: done } = await client.upload(randomBytes(10))
    expect(await details(client, done)).toMatchObject({
      status: 'Completed',
      estimatedTimeRemaining: 0,
      uploadSpeed: 0,
    })
  })

  it('sums up what an account has, and what happened last', async () => {
    const client = await stage.client()
    const stats = async () => (await client.call('GET', `${uploads}/stats`)).body
    expect(await stats()).toEqual({
      totalTasks: 0,
      inProgressTasks: 0,
      pausedTasks: 0,
      completedTasks: 0,
      failedTasks: 0,
      cancelledTasks: 0,
      expiredTasks: 0,
      totalUploadedBytes: 0,
      averageProgress: 0,
      recentActivity: [],
    })
    await client.upload(randomBytes(1000), { fileName: 'whole' })
    await begin(client, 'third', randomBytes(30), 1)
    await begin(client, 'none', randomBytes(30))
    const paused = await begin(client, 'paused', randomBytes(20), 1)
    await verb(client, paused, 'pause')
    const cancelled = await begin(client, 'cancelled', randomBytes(10))
    await verb(client, cancelled, 'cancel')
    await fail(client, 'failed')
    await expireNow(client, await begin(client, 'expired', randomBytes(10)))
    const all = await stats()
    expect(all).toMatchObject({
      totalTasks: 7,
      inProgressTasks: 2,
      pausedTasks: 1,
      completedTasks: 1,
      failedTasks: 1,
      cancelledTasks: 1,
      expiredTasks: 1,
      totalUploadedBytes: 1000 + 10 + 10 + 10,
      averageProgress: 16.6,
    })
    expect(all['recentActivity']).toMatchObject([
      { fileName: 'expired', status: 'Expired', progress: 0 },
      {},
      {},
      {},
      {},
    ])
    const recent = await client.call('GET', `${uploads}/tasks/recent?limit=2`)
    expect(listIn(recent).map((one) => one['fileName'])).toEqual(['expired', 'failed'])
  })

  it('cleans up what failed or has expired, with its staging, and nothing else', async () => {
    const client = await stage.client()
    const kept = await begin(client, 'kept', randomBytes(20), 1)
    const failed = await fail(client, 'failed')
    const expired = await begin(client, 'expired', randomBytes(10))
    const waiting = await createTask(
      client,
      'BulkOperation',
      { operationType: 'delete', filter: {} },
      { after: [expired] },
    )
    await expireNow(client, expired)
    await untilStatus(client, waiting, 'Cancelled')
    await verb(client, waiting, 'retry')
    const stranger = await stage.client()
    const strangers = await fail(stranger, 'a stranger’s')

    const clean = () => client.call('DELETE', `${uploads}/tasks/cleanup`)
    expect(await clean()).toMatchObject({ status: 200, body: { removed: 2 } })
    expect((await list(client, '')).names).toEqual(['kept'])
    expect((await list(stranger, '')).names).toEqual(['a stranger’s'])
    expect(await untilStatus(client, waiting, 'Cancelled')).toMatchObject({ status: 'Cancelled' })
    for (const taskId of [failed, expired]) expect(await stage.stagingPath(taskId)).toBeUndefined()
    expect(await stage.stagingPath(kept)).toBeDefined()
    expect(await stage.stagingPath(strangers)).toBeDefined()
    expect(await clean()).toMatchObject({ body: { removed: 0 } })
  })
})
