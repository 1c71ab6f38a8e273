import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorsOf, expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { listIn } from '../support/tasks.ts'
import { webhooksOf } from '../support/webhooks.ts'

const url = 'https://hooks.example.com/a?b=c'

describe('webhooks over HTTP', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage({ workers: 0, env: { WEBHOOKS_PER_ACCOUNT: '3', NOTIFY_ALLOWED_HOSTS: 'localhost:99' } })
  })
  afterAll(() => stage.close())

  it('are made, shown without their secret, changed and deleted', async () => {
    const client = await stage.client()
    const { get, patch, post, remove, show } = webhooksOf(client)
    const created = await post({ url, description: 'mine', events: ['task.completed', 'task.completed'] })
    expect(created.status).toBe(201)
    const id = String(created.body['webhookId'])
    expect(created.headers.get('location')).toBe(`/api/webhooks/${id}`)
    const { secret, ...shown } = created.body
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(shown).toEqual({
      webhookId: id,
      accountId: client.account,
      url,
      description: 'mine',
      events: ['task.completed'],
      enabled: true,
      disabledReason: null,
      disabledAt: null,
      previousSecretUntil: null,
      failures: 0,
      failingSince: null,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    })
    expect(await show(id)).toEqual(shown)
    const changed = await patch(id, { url: 'http://8.8.8.8/', description: null, events: null, enabled: false })
    expect(changed.body).toMatchObject({ url: 'http://8.8.8.8/', description: null, events: null, enabled: false })
    expect(changed.body).toMatchObject({ disabledReason: null, disabledAt: expect.any(String) })
    expect((await patch(id, { enabled: true })).body).toMatchObject({ url: 'http://8.8.8.8/', disabledAt: null })
    expect((await remove(id)).status).toBe(204)
    expectRefusal(await remove(id), 404, 'WEBHOOK_NOT_FOUND')
    expectRefusal(await get(id), 404, 'WEBHOOK_NOT_FOUND')
  })

  it('keep their secrets where nobody reads them, in the ledger neither', async () => {
    const { create, rotate, show } = webhooksOf(await stage.client())
    const { id, secret } = await create({ url })
    const rotated = await rotate(id, { overlapHours: 1 })
    expect(rotated).toMatchObject({ status: 200, body: { secret: expect.stringMatching(/^whsec_/) } })
    expect(rotated.body['secret']).not.toBe(secret)
    expect(Date.parse(String(rotated.body['previousSecretUntil'])) - Date.now()).toBeGreaterThan(3_500_000)
    expect(await show(id)).not.toHaveProperty('secret')
    const [row] = await stage.sql<{ text: string; secret: Buffer; previousSecret: Buffer }[]>`
      select w::text as text, secret, previous_secret from webhooks w where id = ${id}`
    for (const one of [secret, String(rotated.body['secret'])]) {
      expect(row?.text).not.toContain(one)
      expect(row?.secret.includes(one)).toBe(false)
      expect(row?.previousSecret.includes(one)).toBe(false)
    }
    expect((await rotate(id, { overlapHours: 0 })).body).toMatchObject({ previousSecretUntil: null })
    expect(errorsOf(await rotate(id, { overlapHours: 1000 }))).toMatchObject([{ field: 'overlapHours' }])
  })

  it.each([
    'ftp://example.com/',
    'file:///etc/passwd',
    'https://user:password@example.com/',
    'http://127.0.0.1/',
    'http://localhost/',
    'http://localhost:98/',
    'http://0x7f000001/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fd00::1]/',
    'http://100.64.0.1/',
    'nonsense',
  ])('are refused that lead to %s', async (bad) => {
    const { create, patch, post, remove, show } = webhooksOf(await stage.client())
    expectRefusal(await post({ url: bad }), 400, 'WEBHOOK_URL_REFUSED')
    const { id } = await create({ url: 'http://localhost:99/allowed' })
    expectRefusal(await patch(id, { url: bad }), 400, 'WEBHOOK_URL_REFUSED')
    expect(await show(id)).toMatchObject({ url: 'http://localhost:99/allowed' })
    await remove(id)
  })

  it('are refused with what makes no sense, every field named', async () => {
    const { post } = webhooksOf(await stage.client())
    expect(errorsOf(await post({ events: ['task.progress'], enabled: 'yes', secret: 'mine' }))).toMatchObject([
      { field: 'url' },
      { field: 'events.0' },
      { field: 'enabled' },
      { field: 'secret' },
    ])
    expect(errorsOf(await post({ url, events: [] }))).toMatchObject([{ field: 'events' }])
  })

  it('are made once for each Idempotency-Key, and the secret is not told twice', async () => {
    const { list, post, remove } = webhooksOf(await stage.client())
    const headers = { 'idempotency-key': randomUUID() }
    const both = await Promise.all([post({ url }, headers), post({ url }, headers)])
    expect(both.map(({ status }) => status)).toEqual([201, 201])
    expect(both.filter(({ body }) => 'secret' in body)).toHaveLength(1)
    expect(new Set(both.map(({ body }) => body['webhookId'])).size).toBe(1)
    expect(listIn(await list())).toHaveLength(1)
    expectRefusal(await post({ url: `${url}d` }, headers), 422, 'IDEMPOTENCY_KEY_REUSED')
    await remove(String(both[0]?.body['webhookId']))
    expectRefusal(await post({ url }, headers), 410, 'CREATED_GONE')
  })

  it('are so many for an account at most, also when they are asked for at once', async () => {
    const { list, post } = webhooksOf(await stage.client())
    const answers = await Promise.all(Array.from({ length: 5 }, () => post({ url })))
    const refused = answers.filter(({ status }) => status !== 201)
    expect(refused).toHaveLength(2)
    for (const one of refused) expectRefusal(one, 409, 'WEBHOOK_LIMIT')
    const page = await list('limit=2&offset=2')
    expect([listIn(page).length, page.headers.get('x-total')]).toEqual([1, '3'])
  })

  it('are their account’s alone', async () => {
    const { create, list } = webhooksOf(await stage.client())
    const { id } = await create({ url })
    const deliveryId = randomUUID()
    const other = webhooksOf(await stage.client())
    for (const answer of [
      await other.get(id),
      await other.patch(id, { enabled: false }),
      await other.remove(id),
      await other.rotate(id),
      await other.test(id),
      await other.page(id, ''),
      await other.delivery(id, deliveryId),
      await other.replay(id, deliveryId),
      await other.replayAll(id),
      await other.get('nonsense'),
    ]) {
      expectRefusal(answer, 404, 'WEBHOOK_NOT_FOUND')
    }
    expect(listIn(await other.list())).toEqual([])
    expect(listIn(await list())).toMatchObject([{ webhookId: id, enabled: true }])
  })

  it('are tested so often in a minute by an account, whichever webhook it is', async () => {
    const { create, test } = webhooksOf(await stage.client())
    const { id } = await create({ url })
    const { id: another } = await create({ url })
    const answers = await Promise.all(Array.from({ length: 31 }, (_, index) => test(index % 2 === 0 ? id : another)))
    const refused = answers.filter(({ status }) => status !== 202)
    expect(refused).toHaveLength(1)
    for (const one of refused) {
      expectRefusal(one, 429, 'TOO_MANY_ATTEMPTS')
      expect(Number(one.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect((await webhooksOf(await stage.client()).test(id)).status).toBe(404)
  })

  it('have nothing sent while they are disabled, nor what is not theirs', async () => {
    const { create, delivery, patch, replay, replayAll, test } = webhooksOf(await stage.client())
    const { id } = await create({ url })
    const tested = await test(id)
    expect(tested).toMatchObject({ status: 202, body: { status: 'pending', type: 'webhook.test', taskId: null } })
    const deliveryId = String(tested.body['deliveryId'])
    expect((await delivery(id, deliveryId)).body).toMatchObject({ body: expect.stringContaining(id) })
    expectRefusal(await replay(id, deliveryId), 409, 'DELIVERY_PENDING')
    expectRefusal(await replay(id, randomUUID()), 404, 'DELIVERY_NOT_FOUND')
    expectRefusal(await delivery(id, 'nonsense'), 404, 'DELIVERY_NOT_FOUND')
    const { id: another } = await create({ url })
    expectRefusal(await delivery(another, deliveryId), 404, 'DELIVERY_NOT_FOUND')
    await patch(id, { enabled: false })
    for (const answer of [await test(id), await replay(id, deliveryId), await replayAll(id)]) {
      expectRefusal(answer, 409, 'WEBHOOK_DISABLED')
    }
  })
})

describe('webhooks of a server without SECRETS_KEYS', () => {
  it('are not made', async () => {
    const stage = await openStage({ workers: 0, env: { SECRETS_KEYS: undefined } })
    const { post } = webhooksOf(await stage.client())
    expectRefusal(await post({ url }), 400, 'SECRETS_UNAVAILABLE')
    await stage.close()
  })
})
