import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, sha256, type TestClient } from '../support/client.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'

describe('creating an upload again with the same Idempotency-Key', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ apis: 2 })
  })
  afterAll(() => stage.close())

  const create = (by: TestClient, bytes: Buffer, key: string, fields: Record<string, unknown> = {}, path = '/api') =>
    by.call('POST', `${path}/files/upload/create`, {
      headers: { 'idempotency-key': key },
      body: {
        fileName: 'a.bin',
        fileSize: bytes.length,
        contentType: 'application/octet-stream',
        hash: sha256(bytes),
        chunkSize: 10,
        ...fields,
      },
    })
  const sinks = async () => (await stage.poolFiles()).filter((path) => path.startsWith('.uploads/')).length
  const taskIdOf = (answer: Answer): string => String(answer.body['taskId'])

  it('answers the same plan, also through the gateway and while it receives', async () => {
    client = await stage.client()
    const bytes = randomBytes(25)
    const key = randomUUID()
    const first = await create(client, bytes, key)
    expect(first).toMatchObject({ status: 200, body: { fileExists: false, chunkSize: 10, chunksCount: 3 } })
    await client.putChunk(taskIdOf(first), 0, bytes.subarray(0, 10))
    expect((await create(client, bytes, key)).body).toEqual(first.body)
    expect((await create(client, bytes, key, {}, '/drive')).body).toEqual(first.body)
    const other = await create(client, bytes, randomUUID())
    expect(taskIdOf(other)).not.toBe(taskIdOf(first))
  })

  it('refuses the key for another file, and keeps accounts apart', async () => {
    client = await stage.client()
    const bytes = randomBytes(25)
    const key = randomUUID()
    const first = await create(client, bytes, key)
    expectRefusal(await create(client, bytes, key, { fileName: 'b.bin' }), 422, 'IDEMPOTENCY_KEY_REUSED')
    expectRefusal(await create(client, randomBytes(25), key), 422, 'IDEMPOTENCY_KEY_REUSED')
    expectRefusal(await create(client, bytes, 'a b'), 400, 'VALIDATION_FAILED')
    const stranger = await stage.client()
    expect(taskIdOf(await create(stranger, bytes, key))).not.toBe(taskIdOf(first))
  })

  it('makes one upload of twenty requests at once through two processes, and leaves no staging behind', async () => {
    const account = randomUUID()
    const both = await Promise.all([0, 1].map((api) => stage.client({ account, api })))
    const before = await sinks()
    const bytes = randomBytes(25)
    const key = randomUUID()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => both.map((one) => create(one, bytes, key))).flat(),
    )
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]))
    expect(new Set(answers.map(taskIdOf)).size).toBe(1)
    const [count] = await stage.sql`select count(*)::int as count from tasks where account_id = ${account}`
    expect(count).toEqual({ count: 1 })
    expect(await sinks()).toBe(before + 1)
  })

  it('makes one file of many requests at once for bytes that are there already', async () => {
    client = await stage.client()
    const bytes = randomBytes(25)
    await client.upload(bytes)
    const key = randomUUID()
    const answers = await Promise.all(Array.from({ length: 10 }, () => create(client, bytes, key)))
    const files = answers.map((answer) => answer.body['file'] as Record<string, unknown>)
    expect(new Set(files.map((file) => file['id'])).size).toBe(1)
    const [count] = await stage.sql`select count(*)::int as count from files where account_id = ${client.account}`
    expect(count).toEqual({ count: 2 })
    await stage.sql`delete from files where id = ${String(files[0]?.['id'])}`
    const gone = await create(client, bytes, key)
    expectRefusal(gone, 410, 'CREATED_GONE')
    expect(gone.body['details']).toEqual({ fileId: files[0]?.['id'] })
  })

  it('answers the plan of a finished one, and 410 once it was deleted', async () => {
    client = await stage.client()
    const bytes = randomBytes(25)
    const key = randomUUID()
    const first = await create(client, bytes, key)
    const taskId = taskIdOf(first)
    for (const at of [0, 1, 2]) await client.putChunk(taskId, at, bytes.subarray(at * 10, at * 10 + 10))
    expect((await client.complete(taskId)).status).toBe(200)
    expect((await create(client, bytes, key)).body).toEqual(first.body)
    expect((await client.call('DELETE', `/api/tasks/${taskId}`)).status).toBe(204)
    const gone = await create(client, bytes, key)
    expectRefusal(gone, 410, 'CREATED_GONE')
    expect(gone.body['details']).toEqual({ taskId })
  })

  it('makes it anew when the first request was refused, for nothing was made then', async () => {
    client = await stage.client()
    const bytes = randomBytes(25)
    const key = randomUUID()
    const bundleId = randomUUID()
    expectRefusal(await create(client, bytes, key, { bundleId }), 404, 'BUNDLE_NOT_FOUND')
    await stage.sql`insert into bundles (id, account_id, name) values (${bundleId}, ${client.account}, 'b')`
    expect((await create(client, bytes, key, { bundleId })).body).toMatchObject({ fileExists: false })
  })
})
