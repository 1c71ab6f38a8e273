import { createECDH, randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { TestClient } from '../support/client.ts'
import { type BrowserSubscription, type PushService, startPushService } from '../support/push-receiver.ts'
import { errorsOf, expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { createTask, listIn, untilStatus, withTestTypes } from '../support/tasks.ts'

const ecdh = createECDH('prime256v1')
ecdh.generateKeys()
const vapid = { key: ecdh.getPrivateKey('base64'), publicKey: ecdh.getPublicKey('base64url') }

describe('people who are away', { timeout: 120_000 }, () => {
  let stage: Stage
  let service: PushService
  beforeAll(async () => {
    service = await startPushService(vapid.publicKey)
    stage = await openStage({
      apis: 2,
      env: {
        ...withTestTypes,
        NOTIFY_ALLOWED_HOSTS: service.host,
        PUSH_VAPID_PRIVATE_KEY: vapid.key,
        PUSH_VAPID_SUBJECT: 'mailto:ops@example.com',
        PUSH_LONG_SECONDS: '1',
        PUSH_SUBSCRIPTIONS_PER_ACCOUNT: '2',
      },
    })
  })
  afterAll(async () => {
    await stage.close()
    await service.close()
  })

  const subscribe = (client: TestClient, subscription: BrowserSubscription) =>
    client.call('POST', '/api/push/subscriptions', { body: subscription })
  const list = async (client: TestClient) => listIn(await client.call('GET', '/api/push/subscriptions'))
  const subscribed = async (client: TestClient): Promise<BrowserSubscription & { id: string }> => {
    const subscription = service.subscribe()
    const { status, body } = await subscribe(client, subscription)
    expect(status).toBe(201)
    return { ...subscription, id: String(body['subscriptionId']) }
  }
  /** A task that takes long enough to be told of. */
  const longTask = async (client: TestClient, fields: Record<string, unknown> = {}): Promise<string> => {
    const taskId = await createTask(client, 'Count', { to: 1, everyMs: 1200 }, { name: 'a long one', ...fields })
    await untilStatus(client, taskId, 'Completed')
    return taskId
  }
  /** Nobody was shown anything but what a test shows last, for which notices of before have been sent too. */
  const shownAfterTest = async (client: TestClient, one: BrowserSubscription & { id: string }) => {
    await until(async () => {
      const [feed] = await stage.sql<{ isDone: boolean }[]>`
        select not exists (select 1 from task_events where not pg_visible_in_snapshot(xid, cursor::pg_snapshot)) as is_done
        from notify_feed`
      return feed?.isDone || undefined
    })
    const before = service.shown(one).length
    await client.call('POST', `/api/push/subscriptions/${one.id}/test`)
    const isTest = ({ message }: { message: Record<string, unknown> }) =>
      Object(message['data'])['type'] === 'push.test'
    await until(async () => service.shown(one).slice(before).some(isTest) || undefined)
    // Those that are sent together arrive in any order; each row goes when its notice was taken.
    await until(async () => {
      const rows = await stage.sql`select 1 from push_notices where subscription_id = ${one.id}`
      return rows.length === 0 || undefined
    })
    return service.shown(one).filter((pushed) => !isTest(pushed))
  }

  it('are told of the end of a long task, encrypted and signed', async () => {
    const client = await stage.client()
    const key = await client.call('GET', '/api/push/key')
    expect(key.body).toEqual({ publicKey: vapid.publicKey })
    const mine = await subscribed(client)
    const taskId = await longTask(client)
    const [pushed] = await service.untilShown(mine, 1)
    expect(pushed).toMatchObject({
      message: { title: 'a long one', body: 'The task is complete.', data: { type: 'task.completed', taskId } },
      claims: { sub: 'mailto:ops@example.com' },
      headers: { urgency: 'normal' },
    })
    expect(service.refused).toEqual([])
    expect(await shownAfterTest(client, mine)).toHaveLength(1)
  })

  it('are told of uploads and of what failed, but not of what was short', async () => {
    const client = await stage.client()
    const mine = await subscribed(client)
    const age = () => stage.sql`
      update tasks set created_at = created_at - interval '1 minute' where account_id = ${client.account}`
    await client.upload(randomBytes(1000))
    const failing = await createTask(client, 'Flaky', { failures: 9, permanent: true })
    await untilStatus(client, failing, 'Failed')
    expect(await shownAfterTest(client, mine)).toEqual([])
    const bytes = randomBytes(2000)
    const created = await client.create(bytes, { fileName: 'film.mp4' })
    await age()
    const { id: fileId } = await client.send(bytes, created.body)
    await client.call('POST', `/api/tasks/${failing}/retry`)
    await untilStatus(client, failing, 'Failed')
    const shown = await shownAfterTest(client, mine)
    const messages = shown.map(({ message }) => message)
    expect(messages).toHaveLength(2)
    expect(messages).toContainEqual({
      title: 'film.mp4',
      body: 'The upload is complete.',
      data: { type: 'upload.completed', taskId: created.body['taskId'], fileId },
    })
    expect(messages).toContainEqual({
      title: 'Flaky',
      body: 'The task failed. This cannot be done.',
      data: { type: 'task.failed', taskId: failing },
    })
  })

  it('are those of whom nobody is connected, whatever process they would be connected to', async () => {
    const client = await stage.client()
    const mine = await subscribed(client)
    const socket = new WebSocket(`${String(stage.system.urls[1]).replace('http', 'ws')}/ws`)
    socket.on('open', () => socket.send(JSON.stringify({ type: 'auth', token: client.token })))
    const isPresent = async (wanted: boolean) => {
      const rows = await stage.sql`select 1 from presence where account_id = ${client.account}`
      return rows.length > 0 === wanted || undefined
    }
    await until(() => isPresent(true))
    await longTask(client)
    expect(await shownAfterTest(client, mine)).toEqual([])
    socket.close()
    await until(() => isPresent(false))
    await longTask(client)
    expect(await shownAfterTest(client, mine)).toHaveLength(1)
  })

  it('are not taken to be there for a process that is dead', async () => {
    const client = await stage.client()
    const mine = await subscribed(client)
    const dead = randomUUID()
    await stage.sql`insert into presence_processes (id, seen_at) values (${dead}, now() - interval '16 seconds')`
    await stage.sql`insert into presence (process_id, account_id) values (${dead}, ${client.account})`
    await longTask(client)
    expect(await shownAfterTest(client, mine)).toHaveLength(1)
  })

  it.each([404, 410])('are forgotten where their service answers %i', async (status) => {
    const client = await stage.client()
    const [gone, kept] = [await subscribed(client), await subscribed(client)]
    service.fail(gone, status)
    await client.call('POST', `/api/push/subscriptions/${gone.id}/test`)
    await until(async () => ((await list(client)).length === 1 ? true : undefined))
    expect(await list(client)).toMatchObject([{ subscriptionId: kept.id }])
    expect(service.requests(gone)).toBe(1)
  })

  it('are told later when their service cannot take it now, and not for ever', async () => {
    const client = await stage.client()
    const mine = await subscribed(client)
    service.fail(mine, 503)
    await client.call('POST', `/api/push/subscriptions/${mine.id}/test`)
    const notices = () => stage.sql<{ attempts: number; waitsMs: number }[]>`
      select attempts, extract(epoch from next_attempt_at - now())::float8 * 1000 as waits_ms
      from push_notices where subscription_id = ${mine.id}`
    await until(async () => (service.requests(mine) === 1 ? true : undefined))
    const [waiting] = await until(async () => {
      const rows = await notices()
      return rows[0] && rows[0].waitsMs < 6000 ? rows : undefined
    })
    expect(waiting).toMatchObject({ attempts: 1 })
    service.fail(mine, undefined)
    await stage.sql`update push_notices set next_attempt_at = now() where subscription_id = ${mine.id}`
    await service.untilShown(mine, 1)
    await until(async () => ((await notices()).length === 0 ? true : undefined))
    service.fail(mine, 503)
    await client.call('POST', `/api/push/subscriptions/${mine.id}/test`)
    await stage.sql`update push_notices set give_up_at = now() where subscription_id = ${mine.id}`
    await until(async () => ((await notices()).length === 0 ? true : undefined))
    expect(await list(client)).toHaveLength(1)
  })

  it('subscribe once for each browser, which is theirs who uses it now', async () => {
    const [client, next] = [await stage.client(), await stage.client()]
    const browser = service.subscribe()
    const both = await Promise.all([subscribe(client, browser), subscribe(client, browser)])
    expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 201]))
    expect(new Set(both.map(({ body }) => body['subscriptionId'])).size).toBe(1)
    expect(both[0]?.body).toEqual({
      subscriptionId: expect.any(String),
      transport: 'web-push',
      host: service.host,
      expiresAt: null,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    })
    const [row] = await stage.sql<{ text: string; address: Buffer }[]>`
      select s::text as text, address from push_subscriptions s where account_id = ${client.account}`
    for (const secret of [browser.endpoint, browser.keys.auth]) {
      expect([row?.text.includes(secret), row?.address.includes(secret)]).toEqual([false, false])
    }
    expect((await subscribe(next, browser)).status).toBe(201)
    expect([await list(client), (await list(next)).length]).toEqual([[], 1])
  })

  it('are so many for an account, leave when they like, and are nobody else’s business', async () => {
    const [client, other] = [await stage.client(), await stage.client()]
    const [first] = [await subscribed(client), await subscribed(client)]
    expectRefusal(await subscribe(client, service.subscribe()), 409, 'PUSH_LIMIT')
    for (const [method, path] of [
      ['DELETE', first.id],
      ['POST', `${first.id}/test`],
      ['DELETE', 'nonsense'],
    ] as const) {
      const answer = await other.call(method, `/api/push/subscriptions/${path}`)
      expectRefusal(answer, 404, 'PUSH_SUBSCRIPTION_NOT_FOUND')
    }
    expect((await client.call('DELETE', `/api/push/subscriptions/${first.id}`)).status).toBe(204)
    expect(await list(client)).toHaveLength(1)
  })

  it('are refused with addresses that lead elsewhere or are none', async () => {
    const client = await stage.client()
    const browser = service.subscribe()
    for (const [changes, field] of [
      [{ endpoint: 'http://127.0.0.1:1/' }, 'endpoint'],
      [{ endpoint: 'https://169.254.169.254/' }, 'endpoint'],
      [{ endpoint: 'http://updates.push.services.mozilla.com/x' }, 'endpoint'],
      [{ endpoint: 'https://user@updates.push.services.mozilla.com/x' }, 'endpoint'],
      [{ keys: { ...browser.keys, p256dh: randomBytes(65).toString('base64url') } }, 'keys.p256dh'],
      [{ keys: { ...browser.keys, auth: 'short' } }, 'keys.auth'],
      [{ transport: 'pigeon' }, 'transport'],
      [{ expirationTime: 'soon' }, 'expirationTime'],
    ] as const) {
      const answer = await client.call('POST', '/api/push/subscriptions', { body: { ...browser, ...changes } })
      expect(errorsOf(answer)).toMatchObject([{ field }])
    }
  })
})

describe('a server without keys for Web Push', () => {
  it('says so, and takes no subscriptions', async () => {
    const stage = await openStage({ workers: 0 })
    const client = await stage.client()
    expectRefusal(await client.call('GET', '/api/push/key'), 503, 'PUSH_UNAVAILABLE')
    const body = { endpoint: 'https://push.example/', keys: {} }
    expectRefusal(await client.call('POST', '/api/push/subscriptions', { body }), 503, 'PUSH_UNAVAILABLE')
    await stage.close()
  })
})
