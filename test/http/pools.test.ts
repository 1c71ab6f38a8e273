import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import { lockPools } from '../../src/db/pools.ts'
import { type Answer, type TestClient } from '../support/client.ts'
import { type PoolAdmin, poolAdmin } from '../support/pool-admin.ts'
import { errorsOf, expectRefusal } from '../support/refusal.ts'
import { png } from '../support/sample-files.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret, until } from '../support/system.ts'
import { listIn } from '../support/tasks.ts'

const defaultPoolId = '550e8400-e29b-41d4-a716-446655440000'
const declaredId = randomUUID()

describe('pools over the API', { timeout: 60_000 }, () => {
  let stage: Stage
  let client: TestClient
  let admin: PoolAdmin
  beforeAll(async () => {
    const declared = {
      id: declaredId,
      name: 'declared',
      kind: 'local',
      settings: { path: 'pools/declared' },
      policy: { maxFileSize: 5 },
      costMultiplier: 3,
    }
    stage = await openStage({ apis: 2, env: { STORAGE_POOLS: JSON.stringify([declared]) } })
    client = await stage.client()
    admin = await poolAdmin(client)
  })
  afterAll(() => stage.close())

  const shown = async (by: TestClient = client) => listIn(await by.call('GET', '/api/pools'))

  it("are made, shown to everybody without what is nobody's business, and used at once by every process", async () => {
    const { status, headers, body } = await admin.call('POST', '', {
      name: 'cold',
      kind: 'local',
      settings: { path: 'pools/cold' },
      policy: { acceptedTypes: ['Image/*'], maxFileSize: 1000 },
      costMultiplier: 0.5,
    })
    expect(status).toBe(201)
    const id = String(body['id'])
    expect(headers.get('location')).toBe(`/api/admin/pools/${id}`)
    expect(body).toMatchObject({
      kind: 'local',
      settings: { path: 'pools/cold' },
      policy: { acceptedTypes: ['image/*'], maxFileSize: 1000 },
      isDeclared: false,
      disabledAt: null,
      filesCount: 0,
    })
    const view = {
      id,
      name: 'cold',
      isDefault: false,
      disabled: false,
      maxFileSize: 1000,
      acceptedTypes: ['image/*'],
      encryption: 'allowed',
      defaultExpirySeconds: null,
      directUpload: true,
      instantAcrossAccounts: false,
      costMultiplier: 0.5,
    }
    const other = await stage.client({ api: 1 })
    expect((await shown(other)).find((pool) => pool['id'] === id)).toEqual(view)
    expect((await other.call('GET', `/api/pools/${id}`)).body).toEqual(view)
    const bytes = png(100)
    await other.upload(bytes, { poolId: id, contentType: 'image/png' })
    const [row] = await stage.sql`select key from objects where pool_id = ${id}`
    expect(row).toBeDefined()
    const seen = async () => listIn(await admin.call('GET', '')).find((pool) => pool['id'] === id)
    // What the upload had in the pool is cleared away after its file is there.
    await until(async () => ((await seen())?.['uploadsCount'] === 0 ? true : undefined))
    expect(await seen()).toMatchObject({ filesCount: 1, usedBytes: bytes.length })
  })

  it('are those of the settings too, which can be changed there alone', async () => {
    const all = listIn(await admin.call('GET', ''))
    const told = new Map(all.map(({ id, isDefault, isDeclared }) => [id, { isDefault, isDeclared }]))
    expect(told.get(defaultPoolId)).toEqual({ isDefault: true, isDeclared: false })
    expect(told.get(declaredId)).toEqual({ isDefault: false, isDeclared: true })
    expect(all.find((pool) => pool['id'] === declaredId)).toMatchObject({
      policy: { maxFileSize: 5 },
      costMultiplier: 3,
    })
    expectRefusal(await admin.call('PATCH', `/${declaredId}`, { name: 'mine' }), 409, 'POOL_DECLARED')
    expectRefusal(await admin.call('DELETE', `/${declaredId}`), 409, 'POOL_DECLARED')
    expectRefusal(await admin.call('DELETE', `/${defaultPoolId}`), 409, 'POOL_DECLARED')
  })

  it('are changed field by field', async () => {
    const id = await admin.create({ policy: { maxFileSize: 10, permission: 'cold' } })
    const changed = await admin.call('PATCH', `/${id}`, {
      name: 'renamed',
      costMultiplier: 2,
      policy: { permission: null, encryption: 'required' },
    })
    expect(changed.body).toMatchObject({
      name: 'renamed',
      costMultiplier: 2,
      policy: { maxFileSize: 10, encryption: 'required' },
    })
    expect(changed.body['policy']).not.toHaveProperty('permission')
    expect((await admin.call('GET', `/${id}`)).body).toEqual(changed.body)
  })

  it('are refused with every field that is wrong', async () => {
    const errors = errorsOf(
      await admin.call('POST', '', {
        name: '',
        kind: 'local',
        settings: {},
        policy: { acceptedTypes: ['images'], maxFileSize: -1, encryption: 'maybe', allowedAccounts: ['me'], more: 1 },
        costMultiplier: -1,
      }),
    ) as { field: string }[]
    expect(errors.map(({ field }) => field).sort()).toEqual([
      'costMultiplier',
      'name',
      'policy.acceptedTypes.0',
      'policy.allowedAccounts.0',
      'policy.encryption',
      'policy.maxFileSize',
      'policy.more',
    ])
  })

  it.each([
    ['local', { path: '/etc' }, 'settings.path'],
    ['local', { path: 'pools' }, 'settings.path'],
    ['local', { path: 'pools/../postgres' }, 'settings.path'],
    ['local', { path: 'scratch/x' }, 'settings.path'],
    ['s3', { bucket: 'bucket', endpoint: 'https://me:secret@store' }, 'settings.endpoint'],
    ['s3', { bucket: 'bucket', secretAccessKey: 'secret' }, 'settings'],
    [
      's3',
      { bucket: 'bucket', credentials: { accessKeyId: 'S3_MAIN_SECRET', secretAccessKey: 'S3_MAIN_KEY_ID' } },
      'settings.credentials.accessKeyId',
    ],
    [
      's3',
      { bucket: 'bucket', credentials: { accessKeyId: 'AUTH_JWT_SECRET', secretAccessKey: 'S3_SECRET' } },
      'settings.credentials.accessKeyId',
    ],
    ['tape', {}, 'kind'],
  ])('lie where an administrator of the API may have them: not %s %j', async (kind, settings, field) => {
    const errors = errorsOf(await admin.call('POST', '', { name: 'bad', kind, settings })) as { field: string }[]
    expect(errors[0]?.field).toBe(field)
  })

  it('that cannot be used, or lie where another one does, are not made', async () => {
    const away = { bucket: 'bucket', endpoint: 'http://127.0.0.1:9' }
    const refused = await admin.call('POST', '', { name: 'away', kind: 's3', settings: away })
    expectRefusal(refused, 422, 'POOL_UNUSABLE')
    expect(refused.body['details']).toMatchObject({
      problem: expect.stringMatching(/^(UNREACHABLE|CREDENTIALS_MISSING)$/),
    })
    for (const path of [
      'pools/declared',
      'pools/declared/inside',
      join(stage.system.dataDir, 'pools', defaultPoolId),
    ]) {
      const overlapping = await admin.call('POST', '', { name: 'twice', kind: 'local', settings: { path } })
      expectRefusal(overlapping, 409, 'POOL_OVERLAPS')
    }
    // Of those that are made at once one is made.
    const again = { name: 'again', kind: 'local', settings: { path: 'pools/again' } }
    const both: Promise<Answer>[] = []
    await stage.sql.begin(async (held) => {
      await lockPools(held)
      both.push(admin.call('POST', '', again), admin.call('POST', '', again))
      await until(async () => {
        const waiting = await stage.sql`
          select 1 from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock' and strpos(query, 'where pools lie') > 0`
        return waiting.length === 2 ? true : undefined
      })
    })
    const statuses = (await Promise.all(both)).map((one) => one.status)
    expect(statuses.sort((a, b) => a - b)).toEqual([201, 409])
  })

  it('are made once, however often they are asked for with one key', async () => {
    const pool = { name: 'keyed', kind: 'local', settings: { path: 'pools/keyed' } }
    const headers = { 'idempotency-key': randomUUID() }
    const first = await admin.call('POST', '', pool, headers)
    expect((await admin.call('POST', '', pool, headers)).body).toEqual(first.body)
    expectRefusal(await admin.call('POST', '', { ...pool, name: 'x' }, headers), 422, 'IDEMPOTENCY_KEY_REUSED')
    await admin.call('DELETE', `/${String(first.body['id'])}`)
    expectRefusal(await admin.call('POST', '', pool, headers), 410, 'CREATED_GONE')
  })

  it('are for administrators to change, and on record', async () => {
    const id = await admin.create()
    await admin.call('POST', `/${id}/disable`)
    expectRefusal(await client.call('POST', `/api/admin/pools/${id}/enable`), 403, 'FORBIDDEN')
    const token = await signToken(secret, { account: client.account, admin: true, expiresInSeconds: 600 })
    const entries = await until(async () => {
      const headers = { authorization: `Bearer ${token}` }
      const found: Answer = await client.call('GET', `/api/admin/audit?thingId=${id}`, { headers })
      const list = listIn({ ...found, body: found.body['entries'] as Record<string, unknown> })
      return list.length >= 3 ? list : undefined
    })
    expect(entries.map(({ action, status }) => [action, status])).toEqual([
      ['POST /admin/pools/:poolId/enable', 403],
      ['POST /admin/pools/:poolId/disable', 200],
      ['POST /admin/pools', 201],
    ])
  })
})
