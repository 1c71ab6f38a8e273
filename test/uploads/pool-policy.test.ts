import { randomBytes, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, TestClient } from '../support/client.ts'
import { type PoolAdmin, poolAdmin } from '../support/pool-admin.ts'
import { expectRefusal } from '../support/refusal.ts'
import { pdf, png } from '../support/sample-files.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret, until } from '../support/system.ts'
import { listIn } from '../support/tasks.ts'

const defaultPoolId = '550e8400-e29b-41d4-a716-446655440000'
const chunkSize = 100_000

describe('what a pool has to say of an upload', { timeout: 60_000 }, () => {
  let stage: Stage
  let client: TestClient
  let admin: PoolAdmin
  beforeAll(async () => {
    stage = await openStage({ apis: 2 })
    client = await stage.client()
    admin = await poolAdmin(client)
  })
  afterAll(() => stage.close())

  const withPermissions = async (account: string, permissions: string[]) => {
    const token = await new SignJWT({ permissions })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(account)
      .setExpirationTime('10m')
      .sign(new TextEncoder().encode(secret))
    return { authorization: `Bearer ${token}` }
  }
  const createWith = (headers: Record<string, string>, poolId: string): Promise<Answer> =>
    client.call('POST', '/api/files/upload/create', {
      headers,
      body: { fileName: 'a', fileSize: 1, contentType: 'text/plain', hash: '0'.repeat(64), poolId },
    })

  /** Until a statement with these words waits for a lock. */
  const untilWaiting = (words: string) =>
    until(async () => {
      const [row] = await stage.sql`
        select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
          and strpos(query, ${words}) > 0`
      return row
    })

  it('is its size', async () => {
    const poolId = await admin.create({ policy: { maxFileSize: 100 } })
    const refused = await client.create(randomBytes(101), { poolId })
    expectRefusal(refused, 413, 'FILE_TOO_LARGE')
    expect(refused.body['details']).toEqual({ field: 'fileSize', fileSize: 101, maxFileSize: 100 })
    expect((await client.create(randomBytes(100), { poolId })).status).toBe(200)
    // What is larger only because it is encrypted was not too large.
    const { file } = await client.upload(randomBytes(100), { poolId, encryptPassword: 'a long password' })
    expect(Number(file['size'])).toBeGreaterThan(100)
  })

  it('is its type, by its name and by its bytes: the first chunk is refused, and anything else as it is finished', async () => {
    const poolId = await admin.create({ policy: { acceptedTypes: ['image/*'] } })
    const named = await client.create(png(200), { poolId, contentType: 'application/pdf' })
    expectRefusal(named, 415, 'TYPE_NOT_ACCEPTED')
    expect(named.body['details']).toEqual({ contentType: 'application/pdf', acceptedTypes: ['image/*'] })

    const bytes = png(250_000)
    const fields = { poolId, contentType: 'image/png', chunkSize }
    const { file } = await client.upload(bytes, fields)
    expect(await client.download(file['id'])).toEqual(bytes)

    const lie = pdf(250_000)
    const taskId = String((await client.create(lie, fields)).body['taskId'])
    for (const send of [client.putChunk, client.postChunk]) {
      const refused = await send(taskId, 0, lie.subarray(0, chunkSize))
      expectRefusal(refused, 415, 'TYPE_NOT_ACCEPTED')
      expect(refused.body['details']).toMatchObject({ contentType: 'image/png', detectedType: 'application/pdf' })
    }
    expectRefusal(await client.complete(taskId), 409, 'CHUNKS_MISSING')

    // Chunks that are too short to tell anything are taken one by one, and the whole is not.
    const inPieces = await client.create(lie.subarray(0, 5000), { ...fields, chunkSize: 1000 })
    await expect(client.send(lie.subarray(0, 5000), inPieces.body)).rejects.toThrow(/415.*TYPE_NOT_ACCEPTED/)
    const left = await client.call('GET', `/api/files/upload/resume/${String(inPieces.body['taskId'])}`)
    expect(left.body).toMatchObject({ status: 'Failed' })
    const [row] = await stage.sql`select count(*)::int as count from objects where pool_id = ${poolId}`
    expect(row).toEqual({ count: 1 })
  })

  it('is its type also where the account has the bytes already', async () => {
    const poolId = await admin.create()
    const bytes = pdf(1000)
    await client.upload(bytes, { poolId })
    await admin.call('PATCH', `/${poolId}`, { policy: { acceptedTypes: ['image/*'] } })
    expectRefusal(await client.create(bytes, { poolId, contentType: 'image/png' }), 415, 'TYPE_NOT_ACCEPTED')
    await admin.call('PATCH', `/${poolId}`, { policy: { acceptedTypes: ['application/pdf'] } })
    expect((await client.create(bytes, { poolId })).body).toMatchObject({ fileExists: true })
  })

  it('is that of what is encrypted on its way in, and whether it has to be', async () => {
    const policy = { acceptedTypes: ['image/png', 'application/vnd.age'], encryption: 'required' }
    const poolId = await admin.create({ policy })
    expectRefusal(await client.create(png(100), { poolId, contentType: 'image/png' }), 403, 'ENCRYPTION_REQUIRED')
    const fields = { poolId, contentType: 'image/png', encryptPassword: 'a long password' }
    const { file } = await client.upload(png(100), fields)
    const sealed = await client.download(file['id'])
    expect(sealed.toString('latin1', 0, 21)).toBe('age-encryption.org/v1')
    const none = randomBytes(100)
    const wrong = await client.create(none, fields)
    await expect(client.send(none, wrong.body)).rejects.toThrow(/TYPE_NOT_ACCEPTED/)
    // Whoever encrypts at home brings age files, and nothing else that is called nothing.
    const own = Buffer.concat([sealed, randomBytes(10)])
    await client.upload(own, { poolId })
    const plain = png(100)
    const begun = await client.create(plain, { poolId })
    expect(begun.status).toBe(200)
    await expect(client.send(plain, begun.body)).rejects.toThrow(/403.*ENCRYPTION_REQUIRED/)
    const refusing = await admin.create({ policy: { encryption: 'refused' } })
    const refused = await client.create(png(100), { poolId: refusing, encryptPassword: 'a long password' })
    expectRefusal(refused, 403, 'ENCRYPTION_REFUSED')
  })

  it('is whose it is: those of others are not there', async () => {
    const owner = randomUUID()
    const poolId = await admin.create({ policy: { allowedAccounts: [owner.toUpperCase()], permission: 'pools:cold' } })
    expectRefusal(await client.create(randomBytes(10), { poolId }), 404, 'POOL_NOT_FOUND')
    expectRefusal(await client.call('GET', `/api/pools/${poolId}`), 404, 'POOL_NOT_FOUND')
    const ids = listIn(await client.call('GET', '/api/pools')).map(({ id }) => id)
    expect([ids.includes(defaultPoolId), ids.includes(poolId)]).toEqual([true, false])
    const owning = await stage.client({ account: owner, api: 1 })
    expect((await owning.create(randomBytes(10), { poolId })).status).toBe(200)
    const allowed = await withPermissions(randomUUID(), ['other', 'pools:cold'])
    expect((await createWith(allowed, poolId)).status).toBe(200)
    expectRefusal(await createWith(await withPermissions(randomUUID(), ['pools', '*']), poolId), 404, 'POOL_NOT_FOUND')
  })

  it('is when its file expires, where nobody else says so', async () => {
    const poolId = await admin.create({ policy: { defaultExpirySeconds: 3600 } })
    const expiryOf = async (fields: Record<string, unknown>) => {
      const { file } = await client.upload(randomBytes(100), { poolId, ...fields })
      return new Date(String(file['expiredAt'])).getTime() - Date.now()
    }
    for (const fields of [{}, { encryptPassword: 'a long password' }]) {
      const inMs = await expiryOf(fields)
      expect(inMs).toBeGreaterThan(3_540_000)
      expect(inMs).toBeLessThan(3_601_000)
    }
    const bytes = randomBytes(100)
    await client.upload(bytes, { poolId })
    const again = (await client.create(bytes, { poolId })).body['file'] as Record<string, unknown>
    expect(again['expiredAt']).not.toBeNull()
    const said = new Date(Date.now() + 10_000_000).toISOString()
    const { file } = await client.upload(randomBytes(100), { poolId, expiredAt: said })
    expect(file['expiredAt']).toBe(said)
  })

  it('is never passed by what comes as it is disabled: it is asked again as the upload is written', async () => {
    const poolId = await admin.create()
    const key = randomUUID()
    const created: Promise<Answer>[] = []
    await stage.sql.begin(async (held) => {
      await held`
        insert into idempotency_keys (account_id, key, request_sha256, response) values (${client.account}, ${key}, '', '{}')`
      created.push(createWith({ authorization: `Bearer ${client.token}`, 'idempotency-key': key }, poolId))
      // It has asked once, and waits for what the other request with its key comes to.
      await untilWaiting('idempotency_keys')
      await admin.call('POST', `/${poolId}/disable`)
      await held`delete from idempotency_keys where key = ${key}`
    })
    for (const answer of await Promise.all(created)) expectRefusal(answer, 409, 'POOL_DISABLED')
    expect(created).toHaveLength(1)
  })

  it('is changed once what is being written has been', async () => {
    const poolId = await admin.create()
    await client.create(randomBytes(10))
    const steps: string[] = []
    const created: Promise<unknown>[] = []
    await stage.sql.begin(async (held) => {
      await held`select 1 from account_quotas where account_id = ${client.account} for update`
      created.push(client.create(randomBytes(10), { poolId }).then(({ status }) => steps.push(`created ${status}`)))
      await untilWaiting('account_quotas')
      created.push(admin.call('POST', `/${poolId}/disable`).then(({ status }) => steps.push(`disabled ${status}`)))
      await untilWaiting('for update')
    })
    await Promise.all(created)
    expect(steps).toEqual(['created 200', 'disabled 200'])
  })

  it('is noticed by the other processes at once', async () => {
    const poolId = await admin.create()
    const other = await stage.client({ account: client.account, api: 1 })
    await other.upload(randomBytes(100), { poolId })
    await admin.call('PATCH', `/${poolId}`, { policy: { acceptedTypes: ['image/*'] } })
    const lie = pdf(100)
    // It looks by itself after 10 s only.
    const refused = await until(async () => {
      const { body } = await other.create(lie, { poolId, contentType: 'image/png' })
      const answer = await other.putChunk(String(body['taskId']), 0, lie)
      return answer.status === 415 ? answer : undefined
    }, 5000)
    expectRefusal(refused, 415, 'TYPE_NOT_ACCEPTED')
  })
})
