import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import { forgetAuditEntries } from '../../src/db/audit.ts'
import { clientOf, type TestClient } from '../support/client.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { storedFile } from '../support/stored-file.ts'
import { secret, until } from '../support/system.ts'

describe('the audit trail', { timeout: 120_000 }, () => {
  let stage: Stage
  let admin: TestClient
  beforeAll(async () => {
    stage = await openStage({ workers: 0, env: { TRUST_PROXY: '1' } })
    const token = await signToken(secret, { account: randomUUID(), admin: true, expiresInSeconds: 600 })
    admin = await clientOf(stage.system.urls[0] ?? '')
    const { call } = admin
    admin.call = (method, path, options) =>
      call(method, path, { ...options, headers: { authorization: `Bearer ${token}`, ...options?.headers } })
  })
  afterAll(() => stage.close())

  const entriesOf = async (query: string): Promise<Record<string, unknown>[]> => {
    const { status, body } = await admin.call('GET', `/api/admin/audit?${query}`)
    if (status !== 200) throw new Error(JSON.stringify(body))
    return body['entries'] as Record<string, unknown>[]
  }
  const untilEntries = (query: string, count: number) =>
    until(async () => {
      const entries = await entriesOf(query)
      return entries.length >= count ? entries : undefined
    })

  it('tells when a share link came and went, and who used it, each use of one address once', async () => {
    const client = await stage.client()
    const visit = (method: string, path: string, address: string, body?: unknown) => {
      const headers = { authorization: '', 'x-forwarded-for': address }
      return client.call(method, `/api/shared/${path}`, { headers, ...(body === undefined ? {} : { body }) })
    }
    const slug = `s-${randomUUID()}`
    const { body: bundle } = await client.call('POST', '/api/bundles', {
      body: { name: 'b', slug, passcode: 'sesame' },
    })
    const bundleId = String(bundle['id'])
    await client.call('PATCH', `/api/bundles/${bundleId}`, { body: { shared: true } })
    await client.call('PATCH', `/api/bundles/${bundleId}`, { body: { description: 'nothing new' } })
    expectRefusal(await visit('POST', `${slug}/access`, '192.0.2.1', { passcode: 'wrong' }), 403, 'PASSCODE_WRONG')
    await client.call('PATCH', `/api/bundles/${bundleId}`, { body: { passcode: null } })
    const fileId = await storedFile(stage, client, randomBytes(10))
    await stage.sql`update files set bundle_id = ${bundleId} where id = ${fileId}`
    for (let time = 0; time < 3; time++) {
      expect((await visit('GET', `${slug}/files/${fileId}/content`, '192.0.2.2')).status).toBe(200)
    }
    await visit('GET', `${slug}/files/${fileId}/content`, '192.0.2.3')
    await client.call('DELETE', `/api/bundles/${bundleId}?files=keep`)
    const entries = (await untilEntries(`thingId=${bundleId}`, 10)).reverse()
    const visitor = { accountId: null, isAdmin: false }
    const download = { ...visitor, action: 'GET /shared/:slug/files/:fileId/content', thingIds: [fileId, bundleId] }
    const own = { accountId: client.account, thingIds: [bundleId] }
    expect(entries).toMatchObject([
      { ...own, action: 'POST /bundles' },
      { ...own, action: 'PATCH /bundles/:bundleId' },
      { ...own, action: 'SHARE /bundles/:bundleId' },
      { ...own, action: 'PATCH /bundles/:bundleId' },
      { ...visitor, action: 'POST /shared/:slug/access', address: '192.0.2.1', status: 403, code: 'PASSCODE_WRONG' },
      { ...own, action: 'PATCH /bundles/:bundleId' },
      { ...download, address: '192.0.2.2', status: 200 },
      { ...download, address: '192.0.2.3', status: 200 },
      { ...own, action: 'DELETE /bundles/:bundleId' },
      { ...own, action: 'UNSHARE /bundles/:bundleId' },
    ])
    expect(JSON.stringify(entries)).not.toContain(slug)
    expect(await entriesOf(`action=SHARE&accountId=${client.account}`)).toHaveLength(1)
  })

  it('tells who did what to which thing from where, and what came of it, but not who read', async () => {
    const client = await stage.client()
    const from = { 'x-forwarded-for': '198.51.100.7', 'x-request-id': 'gateway-4711' }
    const created = await client.call('POST', '/drive/files/upload/create', {
      body: { fileName: 'f', fileSize: 3, contentType: 'a/b', hash: 'ab'.repeat(32) },
      headers: from,
    })
    expect(created.headers.get('x-request-id')).toBe('gateway-4711')
    const taskId = String(created.body['taskId'])
    await client.call('GET', `/api/files/upload/progress/${taskId}`)
    await client.putChunk(taskId, 0, randomBytes(3))
    await client.call('POST', `/api/tasks/${taskId}/retry`)
    await client.call('DELETE', `/api/files/upload/task/${taskId}`)
    const entries = await untilEntries(`accountId=${client.account}`, 3)
    expect(entries).toEqual([
      expect.objectContaining({
        action: 'DELETE /files/upload/task/:taskId',
        thingIds: [taskId],
        status: 204,
        code: null,
      }),
      expect.objectContaining({ action: 'POST /tasks/:taskId/retry', status: 409, code: 'TASK_STATE' }),
      expect.objectContaining({
        action: 'POST /files/upload/create',
        thingIds: [taskId],
        status: 200,
        address: '198.51.100.7',
        requestId: 'gateway-4711',
        isAdmin: false,
      }),
    ])
  })

  it('has each entry once, also of requests that end while others are being written', async () => {
    const client = await stage.client()
    const taskIds = [randomUUID(), randomUUID()]
    const pause = (taskId?: string) => client.call('POST', `/api/tasks/${taskId}/pause`)
    await stage.sql.begin(async (query) => {
      await query`lock table audit_entries in share mode`
      const isWaiting = () => stage.sql`
        select 1 from pg_locks where relation = 'audit_entries'::regclass and not granted`
      await pause(taskIds[0])
      await until(async () => (await isWaiting()).length > 0 || undefined)
      const startedAt = performance.now()
      for (let count = 0; count < 20; count++) await pause(taskIds[1])
      // Long enough for another group to be due, which must not happen beside the first.
      await until(async () => performance.now() - startedAt > 300 || undefined)
    })
    const entries = await untilEntries(`accountId=${client.account}`, 21)
    const of = (taskId?: string) => entries.filter((entry) => String(entry['thingIds']) === taskId).length
    expect(taskIds.map(of)).toEqual([1, 20])
  })

  it('is found by thing, action and time, page by page, and by admins alone', async () => {
    const client = await stage.client()
    const taskId = randomUUID()
    for (const verb of ['pause', 'resume', 'cancel']) await client.call('POST', `/api/tasks/${taskId}/${verb}`)
    await untilEntries(`thingId=${taskId}`, 3)
    expect(await entriesOf(`thingId=${taskId}&action=${encodeURIComponent('POST /tasks/:taskId/p')}`)).toHaveLength(1)
    expect(await entriesOf(`thingId=${taskId}&until=2020-01-01T00:00:00Z`)).toEqual([])
    const first = (await admin.call('GET', `/api/admin/audit?thingId=${taskId}&limit=2`)).body
    expect(first['entries']).toHaveLength(2)
    const next = (await admin.call('GET', `/api/admin/audit?thingId=${taskId}&limit=2&before=${first['before']}`)).body
    expect(next).toMatchObject({ entries: [{ action: 'POST /tasks/:taskId/pause' }], before: null })
    expectRefusal(await client.call('GET', '/api/admin/audit'), 403, 'FORBIDDEN')
    expectRefusal(await admin.call('GET', '/api/admin/audit?limit=0'), 400, 'VALIDATION_FAILED')
  })

  it('cannot be changed, and only what is past its retention is removed', async () => {
    const client = await stage.client()
    await client.call('POST', `/api/tasks/${randomUUID()}/pause`)
    await untilEntries(`accountId=${client.account}`, 1)
    await expect(stage.sql`update audit_entries set status = 200`).rejects.toThrow('not changed')
    await expect(stage.sql`delete from audit_entries`).rejects.toThrow('not changed')
    await expect(stage.sql`truncate audit_entries`).rejects.toThrow('not changed')
    expect(await forgetAuditEntries(stage.sql, 3_600_000, 1000)).toBe(0)
    expect(await forgetAuditEntries(stage.sql, -60_000, 1000)).toBeGreaterThan(0)
    expect(await entriesOf(`accountId=${client.account}`)).toEqual([])
  })
})
