import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import { checkUsageDaily, mendUsage } from '../../src/files/quota.ts'
import type { Answer, TestClient } from '../support/client.ts'
import { addPool, runTask, uploaded } from '../support/job-files.ts'
import { silent } from '../support/ledger.ts'
import { errorsOf, expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret } from '../support/system.ts'
import { listIn, untilStatus, verb } from '../support/tasks.ts'

const defaultPoolId = '550e8400-e29b-41d4-a716-446655440000'

describe('the quota of an account', () => {
  let stage: Stage
  let admin: (method: string, path: string, body?: unknown) => Promise<Answer>

  beforeAll(async () => {
    stage = await openStage({ apis: 2, env: { QUOTA_DEFAULT_BYTES: '100000' } })
    const token = await signToken(secret, { account: randomUUID(), admin: true, expiresInSeconds: 600 })
    const anybody = await stage.client()
    admin = (method, path, body) =>
      anybody.call(method, `/api/admin${path}`, {
        ...(body === undefined ? {} : { body }),
        headers: { authorization: `Bearer ${token}` },
      })
  })
  afterAll(() => stage.close())

  const limit = (client: TestClient, limitBytes: number | null) =>
    admin('PUT', `/accounts/${client.account}/quota`, { limitBytes })
  const quota = async (client: TestClient) => (await client.call('GET', '/api/quota')).body
  const usage = async (client: TestClient) => (await client.call('GET', '/api/usage')).body
  const create = (client: TestClient, sizeBytes: number, fields: Record<string, unknown> = {}) =>
    client.create(randomBytes(sizeBytes), fields)

  it('is not overshot by a hundred creates at once through two processes', async () => {
    const client = await stage.client()
    const both = [client, await stage.client({ account: client.account, api: 1 })]
    await limit(client, 1000)
    const answers = await Promise.all(Array.from({ length: 50 }, () => both.map((one) => create(one, 90))).flat())
    const granted = answers.filter((answer) => answer.status === 200)
    const refused = answers.filter((answer) => answer.status === 403)
    expect([granted.length, refused.length]).toEqual([11, 89])
    expectRefusal(refused[0] as Answer, 403, 'QUOTA_EXCEEDED')
    const last = await create(client, 90)
    expect(last.body['details']).toEqual({
      limitBytes: 1000,
      usedBytes: 0,
      reservedBytes: 990,
      availableBytes: 10,
      requestedBytes: 90,
    })
    expect((await create(client, 10)).status).toBe(200)
    expect(await quota(client)).toEqual({
      limitBytes: 1000,
      source: 'admin',
      usedBytes: 0,
      reservedBytes: 1000,
      availableBytes: 0,
    })
    // What was refused left nothing behind.
    const staging = (await stage.poolFiles()).filter((path) => path.startsWith('.uploads/'))
    expect(staging).toHaveLength(12)
    const [tasks] = await stage.sql`select count(*)::int as count from tasks where account_id = ${client.account}`
    expect(tasks).toEqual({ count: 12 })
  })

  it('is settled by completion, and released by cancel, failure and expiry', async () => {
    const client = await stage.client()
    const { file } = await client.upload(randomBytes(100))
    expect(await quota(client)).toMatchObject({
      usedBytes: 100,
      reservedBytes: 0,
      limitBytes: 100_000,
      source: 'default',
    })
    const cancelled = String((await create(client, 200)).body['taskId'])
    const expired = String((await create(client, 300)).body['taskId'])
    const wrong = String((await create(client, 10, { hash: '0'.repeat(64) })).body['taskId'])
    expect(await usage(client)).toMatchObject({
      accountId: client.account,
      reservedBytes: 510,
      pools: [
        {
          poolId: defaultPoolId,
          poolName: 'default',
          usedBytes: 100,
          filesCount: 1,
          reservedBytes: 510,
          uploadsCount: 3,
          costMultiplier: 1,
          costBytes: 100,
        },
      ],
    })
    await verb(client, cancelled, 'cancel')
    await verb(client, cancelled, 'cancel')
    expect(await quota(client)).toMatchObject({ reservedBytes: 310 })
    await stage.sql`update tasks set expired_at = now() - interval '1 second' where id = ${expired}`
    await untilStatus(client, expired, 'Expired')
    expect(await quota(client)).toMatchObject({ reservedBytes: 10 })
    await client.putChunk(wrong, 0, randomBytes(10))
    expectRefusal(await client.complete(wrong), 422, 'HASH_MISMATCH')
    expect(await quota(client)).toMatchObject({ usedBytes: 100, reservedBytes: 0 })
    // The trash counts until it is emptied.
    await client.call('DELETE', `/api/files/${String(file['id'])}`)
    expect(await quota(client)).toMatchObject({ usedBytes: 100 })
    await client.call('DELETE', '/api/files/trash')
    expect(await usage(client)).toMatchObject({ usedBytes: 0, pools: [{ filesCount: 0, uploadsCount: 0 }] })
  })

  it('counts bytes that are there already, and files that tasks make, which fail clearly without room', async () => {
    const client = await stage.client()
    const bytes = randomBytes(400)
    const id = await uploaded(client, bytes)
    await uploaded(client, bytes, 'again')
    expect(await quota(client)).toMatchObject({ usedBytes: 800 })
    await limit(client, 900)
    expectRefusal(await client.create(bytes), 403, 'QUOTA_EXCEEDED')
    const failed = await runTask(client, 'FileEncrypt', { fileIds: [id], password: 'a long password' })
    expect(failed).toMatchObject({ status: 'Failed', errorCode: 'QUOTA_EXCEEDED' })
    expect(await quota(client)).toMatchObject({ usedBytes: 800 })
    await limit(client, 2000)
    const encrypted = await runTask(client, 'FileEncrypt', {
      fileIds: [id],
      password: 'a long password',
      removeOriginal: true,
    })
    expect(encrypted).toMatchObject({ status: 'Completed' })
    const [sum] = await stage.sql`select sum(size_bytes)::int as bytes from files where account_id = ${client.account}`
    expect(await quota(client)).toMatchObject({ usedBytes: sum?.['bytes'] })
  })

  it('is settled with what is stored when an upload is encrypted on the way', async () => {
    const client = await stage.client()
    const { file } = await client.upload(randomBytes(100), { encryptPassword: 'a long password' })
    expect(await quota(client)).toMatchObject({ usedBytes: file['size'], reservedBytes: 0 })
  })

  it('weighs a byte by its pool, also when files move', async () => {
    const client = await stage.client()
    const dear = await addPool(stage)
    await stage.sql`update pools set cost_multiplier = 2.5 where id = ${dear}`
    const id = await uploaded(client, randomBytes(100))
    await limit(client, 200)
    const refused = await runTask(client, 'FileMove', { fileIds: [id], targetPoolId: dear })
    expect(refused).toMatchObject({ status: 'Failed', errorCode: 'QUOTA_EXCEEDED' })
    await limit(client, 250)
    await runTask(client, 'FileMove', { fileIds: [id], targetPoolId: dear })
    const pools = listIn({ ...(await client.call('GET', '/api/quota')), body: (await usage(client))['pools'] as never })
    expect(
      pools.map(({ poolId, usedBytes, filesCount, costBytes }) => [poolId, usedBytes, filesCount, costBytes]),
    ).toEqual([
      [defaultPoolId, 0, 0, 0],
      [dear, 100, 1, 250],
    ])
    // Who has too much may still take away.
    await limit(client, 10)
    expect((await runTask(client, 'FileMove', { fileIds: [id], targetPoolId: defaultPoolId })).status).toBe('Completed')
    expect(await quota(client)).toMatchObject({ usedBytes: 100, availableBytes: 0 })
  })

  it('is what the admin says, else what the token says, else the default', async () => {
    const account = randomUUID()
    const client = await stage.client({ account })
    const withClaim = async (quotaBytes: number | null) => {
      const token = await signToken(secret, { account, admin: false, expiresInSeconds: 600, quotaBytes })
      return { authorization: `Bearer ${token}` }
    }
    const shown = async (headers: Record<string, string>) => (await client.call('GET', '/api/quota', { headers })).body
    expect(await shown(await withClaim(50))).toMatchObject({ limitBytes: 50, source: 'token' })
    expect(await quota(client)).toMatchObject({ limitBytes: 100_000, source: 'default' })
    const body = { fileName: 'x', fileSize: 51, contentType: 'a/b', hash: '1'.repeat(64) }
    const refused = await client.call('POST', '/api/files/upload/create', { body, headers: await withClaim(50) })
    expectRefusal(refused, 403, 'QUOTA_EXCEEDED')
    const granted = await client.call('POST', '/api/files/upload/create', { body, headers: await withClaim(60) })
    expect(granted.status).toBe(200)
    // Workers have no token: the last word of one counts.
    expect(await quota(client)).toMatchObject({ limitBytes: 60, source: 'token' })
    expect((await limit(client, null)).body).toMatchObject({ limitBytes: null, source: 'admin', availableBytes: null })
    expect(await shown(await withClaim(50))).toMatchObject({ limitBytes: null, source: 'admin' })
    expect((await admin('DELETE', `/accounts/${account}/quota`)).body).toMatchObject({ source: 'default' })
    expect(await shown(await withClaim(null))).toMatchObject({ limitBytes: null, source: 'token' })
  })

  it('is read and set by admins alone, for every account', async () => {
    const client = await stage.client()
    await client.upload(randomBytes(10))
    expect((await admin('GET', `/accounts/${client.account}/usage`)).body).toEqual(await usage(client))
    const all = await admin('GET', '/usage?limit=1000')
    expect(listIn(all).find((one) => one['accountId'] === client.account)).toMatchObject({
      usedBytes: 10,
      costBytes: 10,
    })
    expect(Number(all.headers.get('x-total'))).toBe(listIn(all).length)
    for (const [method, path] of [
      ['GET', '/usage'],
      ['GET', `/accounts/${client.account}/usage`],
      ['PUT', `/accounts/${client.account}/quota`],
      ['DELETE', `/accounts/${client.account}/quota`],
    ] as const) {
      expectRefusal(
        await client.call(method, `/api/admin${path}`, { body: method === 'PUT' ? {} : undefined }),
        403,
        'FORBIDDEN',
      )
    }
    expect(errorsOf(await admin('PUT', `/accounts/${client.account}/quota`, { limitBytes: -1 }))).toHaveLength(1)
    expect(errorsOf(await admin('PUT', '/accounts/me/quota', { limitBytes: 1 }))).toHaveLength(1)
  })

  it('is booked as it is by the check, which says what differed', async () => {
    const client = await stage.client()
    await client.upload(randomBytes(100))
    await create(client, 50)
    await stage.sql`update pool_usage set used_bytes = 7, reserved_bytes = 0 where account_id = ${client.account}`
    const other = randomUUID()
    await stage.sql`insert into account_quotas (account_id) values (${other})`
    await stage.sql`insert into pool_usage (account_id, pool_id, used_bytes) values (${other}, ${defaultPoolId}, 5)`
    expect(await mendUsage({ sql: stage.sql, log: silent })).toBe(2)
    expect(await quota(client)).toMatchObject({ usedBytes: 100, reservedBytes: 50 })
    const [row] = await stage.sql`select used_bytes from pool_usage where account_id = ${other}`
    expect(row).toEqual({ usedBytes: 0 })
    expect(await mendUsage({ sql: stage.sql, log: silent })).toBe(0)
  })

  it('is checked once a day, and again when a check failed', async () => {
    const client = await stage.client()
    await client.upload(randomBytes(100))
    const check = { sql: stage.sql, log: silent }
    const spoil = () => stage.sql`update pool_usage set used_bytes = 7 where account_id = ${client.account}`
    await stage.sql`delete from attempts where scope = 'usage check'`
    await spoil()
    const failing = Object.assign(Object.create(silent), {
      warn: () => {
        throw new Error('no log')
      },
    })
    await expect(checkUsageDaily({ ...check, log: failing })).rejects.toThrow('no log')
    expect(await checkUsageDaily(check)).toBe(1)
    await spoil()
    expect(await checkUsageDaily(check)).toBe(0)
    await stage.sql`update attempts set started_at = started_at - interval '1 day' where scope = 'usage check'`
    expect(await checkUsageDaily(check)).toBe(1)
    expect(await quota(client)).toMatchObject({ usedBytes: 100 })
  })
})
