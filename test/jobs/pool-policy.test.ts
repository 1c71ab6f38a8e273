import { randomBytes, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import { sha256, type TestClient } from '../support/client.ts'
import { type EndedTask, resultFileIds, runTask, showFile, untilEnded, uploaded } from '../support/job-files.ts'
import { type PoolAdmin, poolAdmin } from '../support/pool-admin.ts'
import { pdf, png } from '../support/sample-files.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret, until } from '../support/system.ts'

const password = 'a long password'

describe('what a pool has to say of what tasks write into it', { timeout: 90_000 }, () => {
  let stage: Stage
  let client: TestClient
  let admin: PoolAdmin
  beforeAll(async () => {
    stage = await openStage()
    client = await stage.client()
    admin = await poolAdmin(client)
  })
  afterAll(() => stage.close())

  const move = (fileIds: string[], targetPoolId: string) => runTask(client, 'FileMove', { fileIds, targetPoolId })
  const poolOf = async (fileId: string) => {
    const [row] = await stage.sql`
      select o.pool_id from files f join objects o on o.id = f.object_id where f.id = ${fileId}`
    return row?.['poolId']
  }
  const failed = (errorCode: string) => expect.objectContaining({ status: 'Failed', errorCode })
  const uploadedAs = async (bytes: Buffer, fields: Record<string, unknown>) => {
    const { file } = await client.upload(bytes, fields)
    return String(file['id'])
  }

  it('is what is moved there: its size, its name, its bytes, also of a copy inside the store', async () => {
    const image = await uploadedAs(png(500), { contentType: 'image/png' })
    const lie = await uploadedAs(pdf(500), { contentType: 'image/png' })
    const honest = await uploadedAs(pdf(501), { contentType: 'application/pdf' })
    const images = await admin.create({ policy: { acceptedTypes: ['image/*'], maxFileSize: 500 } })
    for (const id of [lie, honest]) {
      expect(await move([id], images)).toEqual(failed(id === honest ? 'FILE_TOO_LARGE' : 'TYPE_NOT_ACCEPTED'))
    }
    await admin.call('PATCH', `/${images}`, { policy: { maxFileSize: null } })
    expect(await move([image, honest], images)).toEqual(failed('TYPE_NOT_ACCEPTED'))
    expect(await poolOf(image)).not.toBe(images)
    expect(await move([image], images)).toMatchObject({ status: 'Completed' })
    expect(await poolOf(image)).toBe(images)
  })

  it('is asked for every file that comes with the same bytes', async () => {
    const bytes = png(700)
    const ids = [
      await uploadedAs(bytes, { contentType: 'image/png' }),
      ((await client.create(bytes, { contentType: 'text/html' })).body['file'] as { id: string }).id,
    ]
    const images = await admin.create({ policy: { acceptedTypes: ['image/*'] } })
    expect(await move(ids, images)).toEqual(failed('TYPE_NOT_ACCEPTED'))
    expect(await move(ids.slice(0, 1), images)).toMatchObject({ status: 'Completed' })
  })

  it('costs a bulk operation and a migration the files that do not fit, and no others', async () => {
    const source = await admin.create()
    const target = await admin.create({ policy: { acceptedTypes: ['image/*'] } })
    const image = await uploadedAs(png(300), { poolId: source, contentType: 'image/png' })
    const lie = await uploadedAs(pdf(300), { poolId: source, contentType: 'image/png' })
    const bulk = await runTask(client, 'BulkOperation', {
      operationType: 'move',
      targetIds: [image, lie],
      operationParameters: { targetPoolId: target, confirm: true },
    })
    expect(bulk).toMatchObject({ status: 'Completed', results: { filesProcessed: 1, filesFailed: 1 } })
    expect([await poolOf(image), await poolOf(lie)]).toEqual([target, source])
    const another = await uploadedAs(png(301), { poolId: source, contentType: 'image/png' })
    const migrated = await runTask(client, 'StorageMigration', { sourcePoolId: source, targetPoolId: target })
    expect(migrated.results).toMatchObject({
      filesProcessed: 1,
      filesFailed: 1,
      failures: [{ code: 'TYPE_NOT_ACCEPTED' }],
    })
    expect([await poolOf(another), await poolOf(lie)]).toEqual([target, source])
  })

  it('is what is made there: archives, what is in them, plaintexts', async () => {
    const id = await uploaded(client, randomBytes(2000), 'a.bin')
    const images = await admin.create({ policy: { acceptedTypes: ['image/*'] } })
    const small = await admin.create({ policy: { maxFileSize: 1000 } })
    const zip = await runTask(client, 'FileCompress', { fileIds: [id] })
    const archive = String(zip.results?.['resultFileId'])
    expect(await runTask(client, 'FileCompress', { fileIds: [id], targetPoolId: images })).toEqual(
      failed('TYPE_NOT_ACCEPTED'),
    )
    expect(await runTask(client, 'FileCompress', { fileIds: [id], targetPoolId: small })).toEqual(
      failed('FILE_TOO_LARGE'),
    )
    const unpacked = { fileId: archive, targetPoolId: images }
    expect(await runTask(client, 'FileDecompress', unpacked)).toEqual(failed('TYPE_NOT_ACCEPTED'))
    // What was written of them is gone at once.
    const left = await stage.sql`select 1 from task_outputs where discarded_at is null and key is not null`
    expect(left).toHaveLength(0)
  })

  it('is whether it is encrypted', async () => {
    const vault = await admin.create({ policy: { encryption: 'required' } })
    const plain = await uploaded(client, randomBytes(500), 'plain')
    expect(await move([plain], vault)).toEqual(failed('ENCRYPTION_REQUIRED'))
    const sealed = await runTask(client, 'FileEncrypt', { fileIds: [plain], password })
    const [age] = resultFileIds(sealed)
    expect(await move([String(age)], vault)).toMatchObject({ status: 'Completed' })
    expect(await runTask(client, 'FileDecrypt', { fileIds: [age], password })).toEqual(failed('ENCRYPTION_REQUIRED'))
    expect(await runTask(client, 'FileEncrypt', { fileIds: [age], password })).toMatchObject({ status: 'Completed' })
    const open = await admin.create({ policy: { encryption: 'refused' } })
    const there = await uploadedAs(randomBytes(100), { poolId: open })
    expect(await runTask(client, 'FileEncrypt', { fileIds: [there], password })).toEqual(failed('ENCRYPTION_REFUSED'))
  })

  it('is of an encrypted file what is in it', async () => {
    const policy = { acceptedTypes: ['image/png'], maxFileSize: 600 }
    const images = await admin.create({ policy })
    const image = await uploadedAs(png(600), { poolId: images, contentType: 'image/png' })
    expect(await runTask(client, 'FileEncrypt', { fileIds: [image], password })).toMatchObject({ status: 'Completed' })
    await admin.call('PATCH', `/${images}`, { policy: { acceptedTypes: ['image/gif'] } })
    expect(await runTask(client, 'FileEncrypt', { fileIds: [image], password })).toEqual(failed('TYPE_NOT_ACCEPTED'))
  })

  it('is whether it is open, and for whom', async () => {
    const closed = await admin.create()
    const inside = await uploadedAs(randomBytes(100), { poolId: closed })
    const outside = await uploaded(client, randomBytes(100))
    await admin.call('POST', `/${closed}/disable`)
    for (const task of [
      await move([outside], closed),
      await runTask(client, 'FileEncrypt', { fileIds: [inside], password }),
      await runTask(client, 'StorageMigration', { sourcePoolId: await poolOf(outside), targetPoolId: closed }),
    ]) {
      expect(task).toEqual(failed('POOL_DISABLED'))
    }
    // Out of it everything may go.
    expect(await move([inside], String(await poolOf(outside)))).toMatchObject({ status: 'Completed' })
    const theirs = await admin.create({ policy: { allowedAccounts: [randomUUID()] } })
    expect(await move([outside], theirs)).toEqual(failed('POOL_NOT_FOUND'))
    await admin.call('PATCH', `/${theirs}`, { policy: { allowedAccounts: [client.account] } })
    expect(await move([outside], theirs)).toMatchObject({ status: 'Completed' })
  })

  it('is what the token of its creator may, long after, also of a schedule', async () => {
    const poolId = await admin.create({ policy: { permission: 'cold' } })
    const create = async (path: string, token: string, body: unknown) => {
      const answer = await client.call('POST', path, { body, headers: { authorization: `Bearer ${token}` } })
      expect(answer.status).toBe(201)
      return answer.body
    }
    const allowed = await new SignJWT({ permissions: ['cold', 'hot', '*'] })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(client.account)
      .setExpirationTime('10m')
      .sign(new TextEncoder().encode(secret))
    const ruling = await signToken(secret, { account: client.account, admin: true, expiresInSeconds: 600 })
    const moving = async (token: string): Promise<EndedTask> => {
      const fileIds = [await uploaded(client, randomBytes(100))]
      const task = await create('/api/tasks', token, {
        type: 'FileMove',
        parameters: { fileIds, targetPoolId: poolId },
      })
      return untilEnded(client, String(task['taskId']))
    }
    expect(await moving(client.token)).toEqual(failed('POOL_NOT_FOUND'))
    for (const token of [allowed, ruling]) expect((await moving(token)).status).toBe('Completed')
    const fileIds = [await uploaded(client, randomBytes(100))]
    const task = { type: 'FileMove', parameters: { fileIds, targetPoolId: poolId } }
    const schedule = await create('/api/schedules', allowed, { intervalSeconds: 3600, task })
    const run = await create(`/api/schedules/${String(schedule['scheduleId'] ?? schedule['id'])}/run`, client.token, {})
    expect((await untilEnded(client, String(run['taskId']))).status).toBe('Completed')
    const kept = await stage.sql`select distinct permissions from tasks where permissions is not null order by 1`
    expect(kept.map((row) => row['permissions'] as unknown)).toEqual([['*'], ['cold']])
  })

  it('does not touch an upload that was begun before, encrypted or not', async () => {
    const poolId = await admin.create()
    const begun = await Promise.all(
      [{}, { encryptPassword: password }].map(async (fields) => {
        const bytes = randomBytes(1000)
        return { bytes, created: (await client.create(bytes, { poolId, hash: sha256(bytes), ...fields })).body }
      }),
    )
    await admin.call('PATCH', `/${poolId}`, { policy: { allowedAccounts: [randomUUID()] } })
    await admin.call('POST', `/${poolId}/disable`)
    for (const { bytes, created } of begun) {
      const file = await client.send(bytes, created)
      expect(await showFile(client, file['id'])).toMatchObject({ id: file['id'] })
    }
  })

  it('is heard by a task that was about to write as it was disabled', async () => {
    const poolId = await admin.create()
    const fileId = await uploaded(client, randomBytes(100))
    const tasks: Promise<EndedTask>[] = []
    await stage.sql.begin(async (held) => {
      await held`select 1 from pools where id = ${poolId} for update`
      tasks.push(move([fileId], poolId))
      await until(async () => {
        const [row] = await stage.sql`
          select 1 from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock' and strpos(query, 'task_outputs') > 0`
        return row
      })
      await held`update pools set disabled_at = now() where id = ${poolId}`
    })
    expect(await Promise.all(tasks)).toEqual([failed('POOL_DISABLED')])
  })
})
