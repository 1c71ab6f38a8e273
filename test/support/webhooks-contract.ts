import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { TestClient } from './client.ts'
import type { EnginePlace } from './engine-places.ts'
import { type Receiver, startReceiver } from './receiver.ts'
import { expectRefusal } from './refusal.ts'
import { openStage, type Stage } from './stage.ts'
import { until } from './system.ts'
import { createTask, untilStatus, withTestTypes } from './tasks.ts'
import { aboutTask, signaturesBy, signaturesOf, told, webhooksOf } from './webhooks.ts'

const life = ['task.created 1', 'task.started 2', 'task.completed 3']

/** What holds of webhooks wherever the queues are. */
export function webhooksContract(openPlace: () => Promise<EnginePlace>): void {
  let place: EnginePlace
  let stage: Stage
  let client: TestClient
  let receiver: Receiver
  let hooks: ReturnType<typeof webhooksOf>

  beforeAll(async () => {
    place = await openPlace()
    const env = { ...withTestTypes, QUEUE_PREFIX: place.prefix, NOTIFY_ALLOWED_HOSTS: '127.0.0.1' }
    stage = await openStage({ redisUrl: place.redisUrl, pooled: place.pooled, workers: 2, env })
  })
  afterAll(async () => {
    await stage.close()
    await place.close()
  })
  beforeEach(async () => {
    receiver = await startReceiver()
    client = await stage.client()
    hooks = webhooksOf(client)
  })
  afterEach(() => receiver.close())

  const toldOf = (taskId: string) => told(aboutTask(receiver.received, taskId))
  const untilTold = (taskId: string, count: number, deadlineMs?: number) =>
    until(async () => (toldOf(taskId).length >= count ? toldOf(taskId) : undefined), deadlineMs)
  /** Lets the time pass until the next attempt. */
  const hurry = async (webhookId: string): Promise<void> => {
    await stage.sql`update webhooks set rests_until = null where id = ${webhookId}`
    await stage.sql`
      update webhook_deliveries set next_attempt_at = now() where webhook_id = ${webhookId} and status = 'pending'`
  }

  it('tells every event of an account in its order, signed, and nobody else’s', async () => {
    const { id, secret } = await hooks.create({ url: `${receiver.url}/mine` })
    const taskId = await createTask(client, 'Echo', { value: 1 }, { name: 'a “name”' })
    const strange = await createTask(await stage.client(), 'Echo')
    expect(await untilTold(taskId, 3)).toEqual(life)
    for (const one of receiver.received) {
      expect(signaturesBy(one, secret)).toBe(1)
      expect(signaturesOf(one.headers['webhook-signature'])).toHaveLength(1)
      expect(Math.abs(Number(one.headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(10)
      expect(one).toMatchObject({ path: '/mine', headers: { 'content-type': 'application/json' } })
    }
    const last = JSON.parse(receiver.received.at(-1)?.body ?? '')
    const data = {
      taskId,
      name: 'a “name”',
      type: 'Echo',
      seq: 3,
      results: { value: 1 },
      completedAt: expect.any(String),
    }
    expect(last).toEqual({ type: 'task.completed', timestamp: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/), data })
    expect(aboutTask(receiver.received, strange)).toEqual([])
    // The attempt is noted once it was answered.
    const delivered = await until(async () => {
      const all = await hooks.deliveries(id)
      return all.every((one) => one['status'] === 'delivered') ? all : undefined
    })
    expect(delivered.map((one) => one['deliveryId']).reverse()).toEqual(
      receiver.received.map(({ headers }) => headers['webhook-id']),
    )
    expect(delivered[0]).toMatchObject({ attempts: 1, nextAttemptAt: null, lastAttempt: { status: 204, error: null } })
  })

  it('tells what it is asked for alone, and of uploads too', async () => {
    await hooks.create({ url: receiver.url, events: ['upload.completed'] })
    const { taskId } = await client.upload(randomBytes(1000))
    const [only] = await receiver.untilReceived(1)
    expect(JSON.parse(only?.body ?? '')).toMatchObject({ type: 'upload.completed', data: { taskId, fileSize: 1000 } })
    expect(JSON.parse(only?.body ?? '').data).not.toHaveProperty('lastProgress')
    await hooks.create({ url: `${receiver.url}/all` })
    await untilStatus(client, await createTask(client, 'Echo'), 'Completed')
    await receiver.untilReceived(4)
    expect(receiver.received.filter(({ path }) => path === '/')).toHaveLength(1)
  })

  it('tries again what fails, holds back what comes after it of the same task, and of no other', async () => {
    let isBroken = true
    receiver.reply((response, { body }) => {
      response.writeHead(isBroken && JSON.parse(body).data.name === 'blocked' ? 500 : 200).end()
    })
    const { id } = await hooks.create({ url: receiver.url })
    const blocked = await createTask(client, 'Echo', {}, { name: 'blocked' })
    const failed = await hooks.untilDelivery(id, (one) => Object(one['lastAttempt'])['status'] === 500)
    expect(failed).toMatchObject({ status: 'pending', attempts: 1, taskId: blocked, seq: 1 })
    const waitMs = Date.parse(String(failed['nextAttemptAt'])) - Date.parse(String(Object(failed['lastAttempt'])['at']))
    expect(waitMs).toBeGreaterThan(3000)
    expect(waitMs).toBeLessThan(7000)
    await untilStatus(client, blocked, 'Completed')
    const other = await createTask(client, 'Echo')
    expect(await untilTold(other, 3)).toEqual(life)
    expect(new Set(toldOf(blocked))).toEqual(new Set(['task.created 1']))
    isBroken = false
    await hurry(id)
    await until(async () => (toldOf(blocked).includes('task.completed 3') ? true : undefined))
    expect([...new Set(toldOf(blocked))]).toEqual(life)
    const repeated = aboutTask(receiver.received, blocked).filter(
      ({ headers }) => headers['webhook-id'] === failed['deliveryId'],
    )
    expect(repeated.length).toBeGreaterThan(1)
    expect(new Set(repeated.map(({ body }) => body)).size).toBe(1)
  })

  it('waits as long as it is asked to', async () => {
    receiver.reply((response) => response.writeHead(503, { 'retry-after': '600' }).end())
    const { id } = await hooks.create({ url: receiver.url })
    await hooks.test(id)
    const failed = await hooks.untilDelivery(id, (one) => one['lastAttempt'] !== null && one['attempts'] === 1)
    expect(Date.parse(String(failed['nextAttemptAt'])) - Date.now()).toBeGreaterThan(580_000)
    expect(await hooks.show(id)).toMatchObject({ failures: 1, failingSince: expect.any(String), enabled: true })
  })

  it('gives a delivery up after a day, lists it, and sends it again when asked to', async () => {
    receiver.reply(500)
    const { id } = await hooks.create({ url: receiver.url })
    const taskId = await createTask(client, 'Echo')
    await hooks.untilDelivery(id, (one) => one['attempts'] === 1 && one['lastAttempt'] !== null)
    await untilStatus(client, taskId, 'Completed')
    await until(async () => ((await hooks.deliveries(id)).length === 3 ? true : undefined))
    const dead = await until(async () => {
      await stage.sql`
        update webhook_deliveries set give_up_at = now() where webhook_id = ${id} and status = 'pending'`
      await hurry(id)
      const found = await hooks.deliveries(id, 'status=dead')
      return found.length === 3 ? found : undefined
    })
    expect(dead[0]).toMatchObject({ status: 'dead', endedAt: expect.any(String), lastAttempt: { status: 500 } })
    receiver.received.length = 0
    receiver.reply(200)
    const [newest, , oldest] = dead
    expect(await hooks.replay(id, newest?.['deliveryId'])).toMatchObject({ status: 202, body: { status: 'pending' } })
    const [again] = await receiver.untilReceived(1)
    expect(again?.headers['webhook-id']).toBe(newest?.['deliveryId'])
    const page = await hooks.page(id, 'status=dead&limit=1')
    expect(page.body).toMatchObject({ deliveries: [{ seq: 2 }], before: expect.any(Number) })
    const next = await hooks.page(id, `status=dead&limit=1&before=${page.body['before']}`)
    expect(next.body).toMatchObject({ deliveries: [{ deliveryId: oldest?.['deliveryId'] }], before: null })
    expect((await hooks.replayAll(id, { type: 'task.paused' })).body).toEqual({ replayed: 0, more: false })
    expect((await hooks.replayAll(id, { taskId })).body).toEqual({ replayed: 2, more: false })
    await receiver.untilReceived(3)
    expect(told(receiver.received)).toEqual(['task.completed 3', 'task.created 1', 'task.started 2'])
    await until(async () => ((await hooks.deliveries(id, 'status=delivered')).length === 3 ? true : undefined))
    expect(await hooks.show(id)).toMatchObject({ failures: 0, failingSince: null })
  })

  it('disables a webhook whose receiver is gone, and says so', async () => {
    receiver.reply(410)
    const { id } = await hooks.create({ url: receiver.url })
    const taskId = await createTask(client, 'Echo')
    await until(async () => ((await hooks.show(id))['enabled'] === false ? true : undefined))
    expect(await hooks.show(id)).toMatchObject({ disabledReason: 'gone', disabledAt: expect.any(String) })
    expect(receiver.received).toHaveLength(1)
    await untilStatus(client, taskId, 'Completed')
    expect(await hooks.deliveries(id, 'status=pending')).toEqual([])
    expectRefusal(await hooks.replayAll(id), 409, 'WEBHOOK_DISABLED')
    receiver.reply(200)
    expect((await hooks.patch(id, { enabled: true })).body).toMatchObject({ disabledReason: null, failures: 0 })
    const replayed = Number((await hooks.replayAll(id)).body['replayed'])
    expect(replayed).toBeGreaterThanOrEqual(1)
    await receiver.untilReceived(1 + replayed)
  })

  it('signs with both secrets while one takes the place of the other', async () => {
    const { id, secret } = await hooks.create({ url: receiver.url })
    const rotated = String((await hooks.rotate(id)).body['secret'])
    await hooks.test(id)
    const [both] = await receiver.untilReceived(1)
    if (!both) throw new Error('nothing came')
    expect([signaturesBy(both, secret), signaturesBy(both, rotated)]).toEqual([1, 1])
    await stage.sql`update webhooks set previous_until = now() where id = ${id}`
    await hooks.test(id)
    const [, alone] = await receiver.untilReceived(2)
    if (!alone) throw new Error('nothing came')
    expect([signaturesBy(alone, secret), signaturesBy(alone, rotated)]).toEqual([0, 1])
  })

  it('sends nothing to where it must not, whatever the row says, and follows no redirect', async () => {
    const inner = await startReceiver('127.0.0.2')
    receiver.reply((response) => response.writeHead(307, { location: inner.url }).end())
    const { id } = await hooks.create({ url: receiver.url })
    await hooks.test(id)
    await hooks.untilDelivery(id, (one) => Object(one['lastAttempt'])['status'] === 307)
    for (const url of [inner.url, `http://localhost:${inner.port}/`]) {
      const { id: other } = await hooks.create({ url: receiver.url })
      await stage.sql`update webhooks set url = ${url} where id = ${other}`
      await hooks.test(other)
      const refused = await hooks.untilDelivery(other, (one) => one['lastAttempt'] !== null && one['attempts'] === 1)
      expect(refused).toMatchObject({ lastAttempt: { status: null, error: 'ADDRESS_REFUSED' } })
    }
    expect(inner.received).toEqual([])
    await inner.close()
  })

  it('causes no events', async () => {
    await hooks.create({ url: receiver.url })
    const taskId = await createTask(client, 'Echo')
    await untilTold(taskId, 3)
    expect(await stage.eventTypes(taskId)).toEqual(life.map((one) => one.split(' ')[0]))
    const [strange] = await stage.sql`
      select 1 from task_events where account_id = ${client.account} and task_id <> ${taskId}`
    expect(strange).toBeUndefined()
  })
}
