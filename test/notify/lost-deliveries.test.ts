import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createSealer } from '../../src/auth/seal.ts'
import { transact } from '../../src/db/connect.ts'
import { joinFeed } from '../../src/db/notify-feed.ts'
import { insertDelivery } from '../../src/db/webhook-deliveries.ts'
import { insertWebhook } from '../../src/db/webhooks.ts'
import { admit, deliver } from '../../src/notify/deliver.ts'
import { createPost } from '../../src/notify/post.ts'
import { sealSecret } from '../../src/notify/secrets.ts'
import { newSecret } from '../../src/notify/sign.ts'
import { sweepLostDeliveries, sweepOldDeliveries } from '../../src/notify/sweep.ts'
import { type Engine, openEngine } from '../../src/queue/engine.ts'
import { describeOnMainEngines } from '../support/engine-places.ts'
import type { EnginePlace } from '../support/engine-places.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { type Receiver, startReceiver } from '../support/receiver.ts'
import { until } from '../support/system.ts'
import { testSealer } from '../support/worker.ts'

describeOnMainEngines('deliveries', (openPlace) => {
  let ledger: Ledger
  let place: EnginePlace
  let engine: Engine
  let receiver: Receiver
  beforeAll(async () => {
    ledger = await openLedger()
    place = await openPlace()
    receiver = await startReceiver()
    engine = await openEngine({ ...place, queuePrefix: place.prefix, databaseDirectUrl: ledger.databaseUrl }, silent)
  })
  afterAll(async () => {
    await engine.close()
    await receiver.close()
    await ledger.close()
    await place.close()
  })

  const deps = (options: { sealer?: typeof testSealer; shutdown?: AbortSignal } = {}) => ({
    sql: ledger.sql,
    deliveries: engine.webhookDeliveries,
    sealer: testSealer,
    post: createPost(new Set(['127.0.0.1']), { timeoutMs: 5000, answerBytes: 1000 }),
    leaseMs: 60_000,
    shutdown: new AbortController().signal,
    log: silent,
    ...options,
  })
  const addWebhook = async (): Promise<string> => {
    const id = randomUUID()
    const secret = sealSecret(testSealer, id, newSecret())
    await transact(ledger.sql, async (query) => {
      await joinFeed(query)
      const fields = { url: receiver.url, description: null, eventTypes: null, enabled: true }
      await insertWebhook(query, { id, accountId: randomUUID(), secret }, fields)
    })
    return id
  }
  const addDelivery = async (webhookId: string): Promise<string> => {
    const id = await insertDelivery(ledger.sql, { webhookId, type: 'webhook.test', body: '{}' })
    if (id === undefined) throw new Error('the webhook is gone')
    return id
  }
  const row = async (id: string): Promise<Record<string, unknown>> => {
    const [found] = await ledger.sql`select * from webhook_deliveries where id = ${id}`
    return { ...found }
  }
  const sweep = () => sweepLostDeliveries(ledger.sql, engine.webhookDeliveries)
  const age = (id: string, seconds: number) =>
    ledger.sql`update webhook_deliveries set admitted_at = now() - ${seconds} * interval '1 second' where id = ${id}`

  it('are handed over again when the engine was wiped, and not while they wait their turn', async () => {
    const webhookId = await addWebhook()
    const id = await addDelivery(webhookId)
    await admit(deps(), [webhookId])
    await age(id, 3)
    expect(await sweep()).toBe(0)
    await place.forget(ledger.sql)
    expect(await sweep()).toBe(1)
    expect(await row(id)).toMatchObject({ status: 'pending', dispatch: 1, admittedAt: null })
    await admit(deps(), [webhookId])
    const consumer = await engine.webhookDeliveries.consume(4, (job) => deliver(deps(), job))
    await until(async () => ((await row(id))['status'] === 'delivered' ? true : undefined))
    await consumer.close()
    expect(receiver.received.map(({ headers }) => headers['webhook-id'])).toEqual([id])
  })

  it('are made again when their process is gone, and what it comes to later counts for nothing', async () => {
    const webhookId = await addWebhook()
    const id = await addDelivery(webhookId)
    await admit(deps(), [webhookId])
    let release = (): void => {}
    receiver.reply((response) => {
      release = () => response.writeHead(500).end()
    })
    const count = receiver.received.length
    const first = deliver(deps(), { deliveryId: id, dispatch: 0 })
    await receiver.untilReceived(count + 1)
    expect(await sweep()).toBe(0)
    await ledger.sql`update webhook_deliveries set lease_expires_at = now() - interval '1 second' where id = ${id}`
    expect(await sweep()).toBe(1)
    receiver.reply(200)
    await admit(deps(), [webhookId])
    await deliver(deps(), { deliveryId: id, dispatch: 1 })
    release()
    await first
    expect(await row(id)).toMatchObject({ status: 'delivered', attempts: 2, lastStatus: 200 })
    expect(receiver.received.slice(count).map(({ headers }) => headers['webhook-id'])).toEqual([id, id])
  })

  it('are put back by a process that ends in the middle, without an attempt being counted', async () => {
    const webhookId = await addWebhook()
    const id = await addDelivery(webhookId)
    await admit(deps(), [webhookId])
    receiver.reply(() => {})
    const count = receiver.received.length
    const ending = new AbortController()
    const delivering = deliver(deps({ shutdown: ending.signal }), { deliveryId: id, dispatch: 0 })
    await receiver.untilReceived(count + 1)
    ending.abort()
    await delivering
    receiver.reply(200)
    expect(await row(id)).toMatchObject({ status: 'pending', attempts: 0, leaseExpiresAt: null, dispatch: 1 })
  })

  it('wait when their secret was sealed with a key that is lost', async () => {
    const webhookId = await addWebhook()
    const id = await addDelivery(webhookId)
    await admit(deps(), [webhookId])
    const count = receiver.received.length
    await deliver(deps({ sealer: createSealer([Buffer.alloc(32, 'another')]) }), { deliveryId: id, dispatch: 0 })
    expect(await row(id)).toMatchObject({ status: 'pending', attempts: 1, lastStatus: null, lastError: 'SECRET_LOST' })
    expect(receiver.received).toHaveLength(count)
  })

  it('of a webhook that fails go one at a time and less and less often, until one is taken', async () => {
    const failing = await addWebhook()
    for (let count = 0; count < 24; count++) await addDelivery(failing)
    const open = () => ledger.sql<{ id: string; dispatch: number }[]>`
      select id, dispatch from webhook_deliveries where webhook_id = ${failing} and admitted_at is not null`
    const restsMs = async (): Promise<number | null> => {
      const [found] = await ledger.sql<{ ms: number | null }[]>`
        select extract(epoch from rests_until - now())::float8 * 1000 as ms from webhooks where id = ${failing}`
      return found?.ms ?? null
    }
    const attempt = async (status: number): Promise<void> => {
      const [one] = await open()
      receiver.reply(status)
      if (one) await deliver(deps(), { deliveryId: one.id, dispatch: one.dispatch })
    }
    await admit(deps(), [failing])
    expect(await open()).toHaveLength(16)
    await attempt(500)
    await attempt(500)
    expect(await restsMs()).toBeNull()
    await attempt(500)
    expect(await restsMs()).toBeGreaterThan(3000)
    await ledger.sql`update webhook_deliveries set admitted_at = null where webhook_id = ${failing}`
    await admit(deps(), [failing])
    expect(await open()).toEqual([])
    const awake = () => ledger.sql`update webhooks set rests_until = now() where id = ${failing}`
    await awake()
    await admit(deps(), [failing])
    expect(await open()).toHaveLength(1)
    await attempt(500)
    expect(await restsMs()).toBeGreaterThan(6000)
    await awake()
    await admit(deps(), [failing])
    await attempt(200)
    expect([await restsMs(), (await open()).length]).toEqual([null, 16])
  })

  it('are given up after a day when their webhook cannot be tried, and forgotten some time after they ended', async () => {
    const [off, down, well] = await Promise.all([addWebhook(), addWebhook(), addWebhook()])
    const ids = await Promise.all([off, down, well].map((webhookId) => addDelivery(webhookId)))
    await ledger.sql`update webhook_deliveries set give_up_at = now() where id = any(${ids}::uuid[])`
    await ledger.sql`update webhooks set enabled = false where id = ${off}`
    await ledger.sql`update webhooks set failing_since = now() - interval '25 hours', failures = 9 where id = ${down}`
    expect(await sweepOldDeliveries(ledger.sql, 3_600_000)).toBe(2)
    const [first, second, third] = await Promise.all(ids.map(row))
    for (const one of [first, second]) expect(one).toMatchObject({ status: 'dead', lastError: 'GIVEN_UP' })
    expect(third).toMatchObject({ status: 'pending' })
    await ledger.sql`update webhook_deliveries set ended_at = now() - interval '61 minutes' where id = ${String(ids[0])}`
    expect(await sweepOldDeliveries(ledger.sql, 3_600_000)).toBe(1)
    expect(await row(String(ids[0]))).toEqual({})
    expect(await row(String(ids[1]))).toMatchObject({ status: 'dead' })
  })
})
