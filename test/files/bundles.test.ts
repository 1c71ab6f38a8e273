import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, TestClient } from '../support/client.ts'
import { uploaded } from '../support/job-files.ts'
import { errorsOf, expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { listIn } from '../support/tasks.ts'

describe('bundles, and what is shared of them', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage()
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const create = (body: Record<string, unknown>, headers: Record<string, string> = {}) =>
    client.call('POST', '/api/bundles', { body, headers })
  const change = (id: unknown, body: Record<string, unknown>) => client.call('PATCH', `/api/bundles/${id}`, { body })
  /** Somebody without an account. */
  const visit = (method: string, path: string, options: { body?: unknown; token?: string } = {}): Promise<Answer> =>
    client.call(method, `/api/shared/${path}`, {
      ...(options.body === undefined ? {} : { body: options.body }),
      headers: { authorization: options.token === undefined ? '' : `Bearer ${options.token}` },
    })
  const fileIn = async (bundleId: unknown, bytes = randomBytes(10), name = 'in it') => {
    const id = await uploaded(client, bytes, name)
    await client.call('PATCH', `/api/files/${id}`, { body: { bundleId } })
    return id
  }

  it('are created, listed, shown, changed, and nobody else’s', async () => {
    client = await stage.client()
    const key = { 'idempotency-key': randomUUID() }
    const created = await create({ name: 'Holidays' }, key)
    expect(created).toMatchObject({ status: 201 })
    expect(created.body).toEqual({
      id: expect.any(String),
      name: 'Holidays',
      description: null,
      slug: null,
      shared: false,
      sharePath: null,
      hasPasscode: false,
      expiredAt: null,
      filesCount: 0,
      sizeBytes: 0,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    })
    expect((await create({ name: 'Holidays' }, key)).body).toEqual(created.body)
    expectRefusal(await create({ name: 'Other' }, key), 422, 'IDEMPOTENCY_KEY_REUSED')
    const { id } = created.body
    await create({ name: 'Another' })
    await fileIn(id)
    const listed = await client.call('GET', '/api/bundles?sortBy=name&sortDescending=false')
    expect(listed.headers.get('x-total')).toBe('2')
    expect(listIn(listed)).toMatchObject([{ name: 'Another' }, { name: 'Holidays', filesCount: 1, sizeBytes: 10 }])
    const slug = `s-${randomUUID()}`
    expect(await change(id, { description: 'Of 2026', slug })).toMatchObject({
      status: 200,
      body: { name: 'Holidays', description: 'Of 2026', slug, shared: false, sharePath: null },
    })
    expectRefusal(await create({ name: 'x', slug }), 409, 'SLUG_TAKEN')
    const other = await create({ name: 'x' })
    expectRefusal(await change(other.body['id'], { slug }), 409, 'SLUG_TAKEN')
    const stranger = await stage.client()
    for (const [method, body] of [['GET'], ['PATCH', { name: 'x' }], ['DELETE']] as const) {
      const answer = await stranger.call(method, `/api/bundles/${id}`, body ? { body } : {})
      expectRefusal(answer, 404, 'BUNDLE_NOT_FOUND')
    }
    const refused = await create({ name: '', slug: 'A', passcode: 'abc', expiredAt: 'soon', color: 1 })
    expect(errorsOf(refused)).toHaveLength(5)
  })

  it('are read by their slug without an account, only while they are shared', async () => {
    const slug = `s-${randomUUID()}`
    const { body: bundle } = await create({ name: 'Open', slug })
    const bytes = randomBytes(5000)
    const fileId = await fileIn(bundle['id'], bytes, 'photo.jpg')
    const outside = await uploaded(client, randomBytes(10))
    expectRefusal(await visit('GET', slug), 404, 'SHARE_NOT_FOUND')
    expectRefusal(await visit('GET', 'a%00b'), 404, 'SHARE_NOT_FOUND')
    expect((await change(bundle['id'], { shared: true })).body).toMatchObject({ sharePath: `/api/shared/${slug}` })

    const shown = await visit('GET', slug)
    expect(shown.body).toEqual({
      name: 'Open',
      description: null,
      slug,
      expiredAt: null,
      filesCount: 1,
      sizeBytes: 5000,
    })
    const files = await visit('GET', `${slug}/files`)
    expect(files.headers.get('x-total')).toBe('1')
    expect(listIn(files)).toEqual([
      {
        id: fileId,
        name: 'photo.jpg',
        size: 5000,
        contentType: 'application/octet-stream',
        hash: expect.any(String),
        createdAt: expect.any(String),
      },
    ])
    const content = await fetch(`${client.url}/api/shared/${slug}/files/${fileId}/content`)
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes)).toBe(true)
    expect(content.headers.get('content-disposition')).toContain('attachment')
    expectRefusal(await visit('GET', `${slug}/files/${outside}/content`), 404, 'FILE_NOT_FOUND')

    await client.call('DELETE', `/api/files/${fileId}`)
    expectRefusal(await visit('GET', `${slug}/files/${fileId}/content`), 404, 'FILE_NOT_FOUND')
    await stage.sql`update bundles set expired_at = now() - interval '1 second' where slug = ${slug}`
    expectRefusal(await visit('GET', slug), 410, 'SHARE_EXPIRED')
    expect((await client.call('GET', `/api/bundles/${bundle['id']}`)).status).toBe(200)
    await change(bundle['id'], { expiredAt: null, shared: false })
    expectRefusal(await visit('GET', `${slug}/files`), 404, 'SHARE_NOT_FOUND')
  })

  it('get a slug that nobody guesses when they are shared without one', async () => {
    const { body } = await create({ name: 'Secret', shared: true })
    expect(body['slug']).toMatch(/^[0-9a-f]{30}$/)
    expect((await visit('GET', String(body['slug']))).status).toBe(200)
  })

  it('ask for their passcode, and take accesses back when it changes', async () => {
    const { body } = await create({ name: 'Locked', shared: true, passcode: 'open sesame' })
    const slug = String(body['slug'])
    const fileId = await fileIn(body['id'])
    expect(JSON.stringify(body)).not.toContain('sesame')
    const [row] = await stage.sql`select passcode_hash from bundles where slug = ${slug}`
    expect(row?.['passcodeHash']).toMatch(/^scrypt\$/)
    for (const path of ['', '/files', `/files/${fileId}/content`]) {
      expectRefusal(await visit('GET', slug + path), 401, 'PASSCODE_REQUIRED')
      expectRefusal(await visit('GET', slug + path, { token: 'made-up' }), 401, 'PASSCODE_REQUIRED')
    }
    expectRefusal(await visit('POST', `${slug}/access`, { body: { passcode: 'Open sesame' } }), 403, 'PASSCODE_WRONG')
    const opened = await visit('POST', `${slug}/access`, { body: { passcode: 'open sesame' } })
    expect(opened).toMatchObject({
      status: 200,
      body: { accessToken: expect.any(String), expiresAt: expect.any(String) },
    })
    const token = String(opened.body['accessToken'])
    expect((await visit('GET', `${slug}/files`, { token })).status).toBe(200)
    const cookie = opened.headers.get('set-cookie') ?? ''
    expect(cookie).toMatch(/HttpOnly/i)
    const byCookie = await fetch(`${client.url}/api/shared/${slug}/files/${fileId}/content`, {
      headers: { cookie: cookie.split(';')[0] ?? '' },
    })
    expect(byCookie.status).toBe(200)
    // It opens this bundle and no other, and nothing of an account's.
    const { body: other } = await create({ name: 'Other', shared: true, passcode: 'something' })
    expectRefusal(await visit('GET', String(other['slug']), { token }), 401, 'PASSCODE_REQUIRED')
    const asAccount = await client.call('GET', '/api/files', { headers: { authorization: `Bearer ${token}` } })
    expectRefusal(asAccount, 401, 'TOKEN_INVALID')
    await change(body['id'], { passcode: 'another one' })
    expectRefusal(await visit('GET', slug, { token }), 401, 'PASSCODE_REQUIRED')
    await change(body['id'], { passcode: null })
    expect((await visit('GET', slug)).status).toBe(200)
  })

  it('let a passcode be tried ten times in a quarter of an hour, also by many at once', async () => {
    const { body } = await create({ name: 'Tried', shared: true, passcode: 'the right one' })
    const slug = String(body['slug'])
    const attempt = (passcode: string) => visit('POST', `${slug}/access`, { body: { passcode } })
    const answers = await Promise.all(Array.from({ length: 14 }, (_, index) => attempt(`wrong ${index}`)))
    expect(answers.filter((answer) => answer.status === 403)).toHaveLength(10)
    const refused = answers.filter((answer) => answer.status === 429)
    expect(refused).toHaveLength(4)
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(800)
    expectRefusal(await attempt('the right one'), 429, 'TOO_MANY_ATTEMPTS')
    await stage.sql`update attempts set started_at = now() - interval '16 minutes'`
    expect((await attempt('the right one')).status).toBe(200)
  })

  it('are deleted with their files or without, as is said', async () => {
    const { body } = await create({ name: 'Going' })
    const fileId = await fileIn(body['id'])
    const remove = (id: unknown, query = '') => client.call('DELETE', `/api/bundles/${id}${query}`)
    const refused = await remove(body['id'])
    expectRefusal(refused, 409, 'BUNDLE_NOT_EMPTY')
    expect(refused.body['details']).toEqual({ bundleId: body['id'], filesCount: 1 })
    expect((await remove(body['id'], '?files=keep')).status).toBe(204)
    expect((await client.call('GET', `/api/files/${fileId}`)).body).toMatchObject({ bundleId: null })
    expectRefusal(await remove(body['id']), 404, 'BUNDLE_NOT_FOUND')

    const { body: second } = await create({ name: 'With all' })
    const inIt = await fileIn(second['id'])
    const { body: upload } = await client.create(randomBytes(10), { bundleId: second['id'] })
    expect((await remove(second['id'], '?files=delete')).status).toBe(204)
    expectRefusal(await client.call('GET', `/api/files/${inIt}`), 404, 'FILE_NOT_FOUND')
    expect((await client.call('POST', `/api/files/${inIt}/restore`)).body).toMatchObject({ bundleId: null })
    const resumed = await client.call('GET', `/api/files/upload/resume/${upload['taskId']}`)
    expect(resumed.body).toMatchObject({ bundleId: null, status: 'InProgress' })
    const { body: empty } = await create({ name: 'Empty' })
    expect((await remove(empty['id'])).status).toBe(204)
  })
})
