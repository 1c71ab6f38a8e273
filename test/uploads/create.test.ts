import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'

describe('creating an upload', () => {
  let stage: Stage
  let client: TestClient
  let uploadsPath: string

  beforeAll(async () => {
    uploadsPath = await mkdtemp(join(tmpdir(), 'longshore-uploads-'))
    const STORAGE_PREFERRED_REMOTE = '550E8400-e29b-41d4-a716-446655440000'
    stage = await openStage({ env: { STORAGE_UPLOADS_PATH: uploadsPath, STORAGE_PREFERRED_REMOTE } })
    client = await stage.client()
  })
  afterAll(async () => {
    await stage.close()
    await rm(uploadsPath, { recursive: true })
  })

  it('plans chunks of the default size, the last one shorter', async () => {
    const { body } = await client.create(Buffer.alloc(0), { fileSize: 5 * 2 ** 20 * 3 + 1 })
    expect(body).toEqual({ fileExists: false, taskId: expect.any(String), chunkSize: 5 * 2 ** 20, chunksCount: 4 })
  })

  it('takes all optional fields and tells them again', async () => {
    const bundleId = randomUUID()
    await stage.sql`insert into bundles (id, account_id, name) values (${bundleId}, ${client.account}, 'holidays')`
    const fields = {
      poolId: '550e8400-e29b-41d4-a716-446655440000',
      bundleId,
      chunkSize: 1000,
      expiredAt: '2999-01-01T12:00:00+02:00',
    }
    const { taskId } = (await client.create(randomBytes(2500), fields)).body
    const { body } = await client.call('GET', `/api/files/upload/resume/${taskId}`)
    expect(body).toMatchObject({ ...fields, expiredAt: '2999-01-01T10:00:00.000Z', chunksCount: 3 })
  })

  it('gives the finished file its bundle and its expiry', async () => {
    const bundleId = randomUUID()
    await stage.sql`insert into bundles (id, account_id, name) values (${bundleId}, ${client.account}, 'b')`
    const { file } = await client.upload(randomBytes(10), { bundleId, expiredAt: '2999-01-01T10:00:00.000Z' })
    expect(file).toMatchObject({ bundleId, expiredAt: '2999-01-01T10:00:00.000Z' })
  })

  it('knows a pool by its id in capitals too', async () => {
    const bytes = randomBytes(100)
    const { file } = await client.upload(bytes, { poolId: '550E8400-E29B-41D4-A716-446655440000' })
    expect((await client.download(file['id'])).equals(bytes)).toBe(true)
  })

  it('refuses a pool or bundle that is not there, and a bundle of somebody else', async () => {
    const foreign = randomUUID()
    await stage.sql`insert into bundles (id, account_id, name) values (${foreign}, ${randomUUID()}, 'theirs')`
    const bytes = randomBytes(5)
    expect(await client.create(bytes, { poolId: randomUUID() })).toMatchObject({
      status: 404,
      body: { code: 'POOL_NOT_FOUND' },
    })
    for (const bundleId of [randomUUID(), foreign]) {
      expect(await client.create(bytes, { bundleId })).toMatchObject({
        status: 404,
        body: { code: 'BUNDLE_NOT_FOUND' },
      })
    }
  })

  it('takes no password that no file could be opened with', async () => {
    for (const encryptPassword of ['', 'x'.repeat(1025), '\ud800']) {
      const refused = await client.create(randomBytes(5), { encryptPassword })
      expect(refused).toMatchObject({ status: 400, body: { details: { errors: [{ field: 'encryptPassword' }] } } })
    }
  })

  it('names every field that it does not know or that is wrong, all at once', async () => {
    const { status, body } = await client.create(randomBytes(5), {
      fileName: '',
      fileSize: -1,
      hash: 'abc',
      contentType: 'nonsense',
      chunkSize: 0.5,
      expiredAt: 'tomorrow',
      filename: 'x',
      __proto__x: 1,
    })
    expect(status).toBe(400)
    expect(body).toMatchObject({ code: 'VALIDATION_FAILED', status: 400, message: expect.any(String) })
    const { errors } = body['details'] as { errors: { field: string; message: string }[] }
    const fields = errors.map((error) => error.field).sort()
    expect(fields).toEqual(
      ['__proto__x', 'chunkSize', 'contentType', 'expiredAt', 'fileName', 'fileSize', 'filename', 'hash'].sort(),
    )
    expect(errors.every((error) => error.message !== '')).toBe(true)
  })

  it('keeps nothing of a refused request', async () => {
    const [before] = await stage.sql`select count(*) from tasks`
    const filesBefore = await readdir(uploadsPath)
    await client.create(randomBytes(5), { hash: 'abc' })
    await client.create(randomBytes(5), { bundleId: randomUUID() })
    expect(await stage.sql`select count(*) from tasks`).toEqual([before])
    expect(await readdir(uploadsPath)).toEqual(filesBefore)
  })

  describe('with a hash that is known', () => {
    it('answers at once with a new file on the same object', async () => {
      const bytes = randomBytes(5000)
      const { file } = await client.upload(bytes)
      const again = await client.create(bytes, { fileName: 'again.bin', contentType: 'text/plain' })
      expect(again).toMatchObject({ status: 200, body: { fileExists: true } })
      expect(again.body).not.toHaveProperty('taskId')
      const second = again.body['file'] as Record<string, unknown>
      expect(second).toMatchObject({ name: 'again.bin', contentType: 'text/plain', hash: file['hash'], size: 5000 })
      expect(second['id']).not.toBe(file['id'])
      expect((await client.download(second['id'])).equals(bytes)).toBe(true)
      const held = await stage.sql`
        select distinct object_id from files where id in (${String(file['id'])}, ${String(second['id'])})`
      expect(held).toHaveLength(1)
    })

    it('knows it by its hash in capitals too', async () => {
      const bytes = randomBytes(500)
      const { file } = await client.upload(bytes)
      const again = await client.create(bytes, { hash: String(file['hash']).toUpperCase() })
      expect(again.body).toMatchObject({ fileExists: true })
    })

    it('yields nothing of another account', async () => {
      const bytes = randomBytes(600)
      await client.upload(bytes)
      const stranger = await stage.client()
      expect((await stranger.create(bytes)).body).toMatchObject({ fileExists: false, taskId: expect.any(String) })
    })

    it('does not take a file of another size, nor one that has expired', async () => {
      const bytes = randomBytes(700)
      const { file } = await client.upload(bytes)
      expect((await client.create(bytes, { fileSize: 701 })).body).toMatchObject({ fileExists: false })
      await stage.sql`update files set expired_at = now() - interval '1 second' where id = ${String(file['id'])}`
      expect((await client.create(bytes)).body).toMatchObject({ fileExists: false })
    })
  })
})
