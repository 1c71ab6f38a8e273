import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { errorsOf, expectRefusal } from '../support/refusal.ts'
import { hourly, nightly, schedulesOf } from '../support/schedules.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { listIn, withTestTypes } from '../support/tasks.ts'

describe('schedules over HTTP', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ workers: 0, env: { ...withTestTypes, SCHEDULES_PER_ACCOUNT: '5' } })
  })
  afterAll(() => stage.close())

  const inSeconds = (text: unknown): number => (Date.parse(String(text)) - Date.now()) / 1000

  it('are created with every field, shown and deleted', async () => {
    const client = await stage.client()
    const { post, remove, show } = schedulesOf(client)
    const body = {
      ...nightly,
      startsAt: '2031-01-01T00:00:00.000Z',
      endsAt: '2032-01-01T00:00:00.000Z',
      missed: 'runOnce',
      overlap: 'skip',
      task: {
        ...nightly.task,
        name: 'a run',
        description: 'd',
        priority: 70,
        estimatedDurationSeconds: 3,
        deadlineSeconds: 60,
      },
    }
    const created = await post(body)
    expect(created.status).toBe(201)
    const id = String(created.body['scheduleId'])
    expect(created.headers.get('location')).toBe(`/api/schedules/${id}`)
    expect(created.body).toEqual({
      ...body,
      scheduleId: id,
      accountId: client.account,
      enabled: true,
      intervalSeconds: null,
      nextRunAt: '2031-01-01T01:30:00.000Z',
      lastRunAt: null,
      lastTaskId: null,
      lastError: null,
      lastSkip: null,
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    })
    expect(await show(id)).toEqual(created.body)
    expect((await remove(id)).status).toBe(204)
    expectRefusal(await remove(id), 404, 'SCHEDULE_NOT_FOUND')
  })

  it('have defaults: UTC, enabled, missed ticks skipped, overlap allowed, and the name of their task', async () => {
    const { create, remove, show } = schedulesOf(await stage.client())
    const id = await create({ cron: '@daily', task: { type: 'Count', parameters: { to: 1 } } })
    const defaults = { name: 'Count up', timeZone: 'UTC', enabled: true, missed: 'skip', overlap: 'allow' }
    expect(await show(id)).toMatchObject({ ...defaults, nextRunAt: expect.stringMatching(/T00:00:00\.000Z$/) })
    await remove(id)
  })

  it('are changed field by field, and tick anew only when that was changed', async () => {
    const { create, patch, remove, show } = schedulesOf(await stage.client())
    const id = await create(hourly)
    const first = await show(id)
    expect(inSeconds(first['nextRunAt'])).toBeGreaterThan(3500)
    expect((await patch(id, { name: 'mine', overlap: 'skip', missed: 'runOnce' })).body).toMatchObject({
      name: 'mine',
      overlap: 'skip',
      missed: 'runOnce',
      nextRunAt: first['nextRunAt'],
    })
    expect((await patch(id, { intervalSeconds: 3600 })).body['nextRunAt']).toBe(first['nextRunAt'])
    expect(inSeconds((await patch(id, { intervalSeconds: 60 })).body['nextRunAt'])).toBeLessThan(61)
    expect((await patch(id, { cron: '@yearly', timeZone: 'America/New_York' })).body).toMatchObject({
      cron: '@yearly',
      intervalSeconds: null,
      nextRunAt: expect.stringMatching(/-01-01T05:00:00\.000Z$/),
    })
    expect((await patch(id, { timeZone: 'UTC' })).body['nextRunAt']).toMatch(/-01-01T00:00:00\.000Z$/)
    expect((await patch(id, { startsAt: '2040-06-01T00:00:00Z' })).body['nextRunAt']).toBe('2041-01-01T00:00:00.000Z')
    const { body } = await patch(id, {
      startsAt: null,
      intervalSeconds: 600,
      task: { type: 'Count', parameters: { to: 2 } },
    })
    expect(body).toMatchObject({
      startsAt: null,
      cron: null,
      timeZone: null,
      task: { type: 'Count', parameters: { to: 2 } },
    })
    await remove(id)
  })

  it('stay as they were when a change is refused', async () => {
    const { create, patch, remove, show } = schedulesOf(await stage.client())
    const id = await create(nightly)
    const before = await show(id)
    expect(errorsOf(await patch(id, { cron: 'x', task: { type: 'Count' } }))).toMatchObject([
      { field: 'cron' },
      { field: 'task.parameters.to' },
    ])
    expect(errorsOf(await patch(id, { cron: '@daily', intervalSeconds: 60 }))).toMatchObject([
      { field: 'intervalSeconds' },
    ])
    expect(errorsOf(await patch(id, { endsAt: '2001-01-01T00:00:00Z' }))).toMatchObject([{ field: 'endsAt' }])
    expect(errorsOf(await patch(id, { lastRunAt: null }))).toMatchObject([{ field: 'lastRunAt' }])
    expect(await show(id)).toEqual(before)
    await remove(id)
  })

  it('do not tick while they are disabled, and begin anew afterwards', async () => {
    const { create, patch, remove, show } = schedulesOf(await stage.client())
    const id = await create({ ...hourly, enabled: false })
    expect(await show(id)).toMatchObject({ enabled: false, nextRunAt: null })
    expect(inSeconds((await patch(id, { enabled: true })).body['nextRunAt'])).toBeGreaterThan(3500)
    expect((await patch(id, { enabled: false })).body).toMatchObject({ enabled: false, nextRunAt: null })
    await remove(id)
  })

  it('change one after the other when several change them at once', async () => {
    const { create, patch, remove, show } = schedulesOf(await stage.client())
    const id = await create(hourly)
    const changes = [{ name: 'a' }, { overlap: 'skip' }, { missed: 'runOnce' }, { cron: '@daily' }, { enabled: false }]
    const answers = await Promise.all(changes.map((change) => patch(id, change)))
    expect(answers.map((answer) => answer.status)).toEqual(changes.map(() => 200))
    expect(await show(id)).toMatchObject({
      name: 'a',
      overlap: 'skip',
      missed: 'runOnce',
      cron: '@daily',
      enabled: false,
      nextRunAt: null,
    })
    await remove(id)
  })

  it('are nothing for another account', async () => {
    const client = await stage.client()
    const { create, show } = schedulesOf(client)
    const id = await create(nightly)
    const stranger = await stage.client()
    for (const [method, path, body] of [
      ['GET', ''],
      ['PATCH', '', { enabled: false }],
      ['DELETE', ''],
      ['POST', '/run'],
    ] as const) {
      const answer = await stranger.call(method, `/api/schedules/${id}${path}`, body ? { body } : {})
      expectRefusal(answer, 404, 'SCHEDULE_NOT_FOUND')
    }
    expect(listIn(await stranger.call('GET', '/api/schedules'))).toEqual([])
    expectRefusal(await client.call('GET', '/api/schedules/1'), 404, 'SCHEDULE_NOT_FOUND')
    expect(await show(id)).toMatchObject({ enabled: true, lastTaskId: null })
  })

  it('are listed in pages, sorted and filtered', async () => {
    const client = await stage.client()
    const { create, list } = schedulesOf(client)
    for (const name of ['b', 'c', 'a']) await create({ ...hourly, name, enabled: name !== 'c' })
    await create({ ...nightly, name: 'd', task: { type: 'Count', parameters: { to: 1 } } })
    const names = async (query: string) => listIn(await list(query)).map((one) => one['name'])
    expect(await names('')).toEqual(['d', 'a', 'c', 'b'])
    expect(await names('sortBy=name&sortDescending=false')).toEqual(['a', 'b', 'c', 'd'])
    expect((await names('sortBy=nextRunAt'))[3]).toBe('c')
    expect(await names('enabled=false')).toEqual(['c'])
    expect(await names('type=Count')).toEqual(['d'])
    const page = await list('sortBy=name&offset=1&limit=2')
    expect([listIn(page).length, page.headers.get('x-total')]).toEqual([2, '4'])
    expect(errorsOf(await list('limit=201&sortBy=cron&enabled=1'))).toMatchObject([
      { field: 'enabled' },
      { field: 'sortBy' },
      { field: 'limit' },
    ])
  })

  it('are no more than an account may have, also when many come at once', async () => {
    const client = await stage.client()
    const { post } = schedulesOf(client)
    const answers = await Promise.all(Array.from({ length: 12 }, () => post(hourly)))
    const refused = answers.filter((answer) => answer.status !== 201)
    expect(refused).toHaveLength(7)
    for (const answer of refused) expectRefusal(answer, 409, 'SCHEDULE_LIMIT')
    expect(refused[0]?.body['details']).toEqual({ perAccount: 5 })
  })

  it('are created once by an Idempotency-Key, and not anew when it was deleted', async () => {
    const client = await stage.client()
    const { list, post, remove } = schedulesOf(client)
    const key = { 'idempotency-key': randomUUID() }
    const answers = await Promise.all(Array.from({ length: 10 }, () => post(nightly, key)))
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]))
    const ids = new Set(answers.map((answer) => answer.body['scheduleId']))
    expect(ids.size).toBe(1)
    expectRefusal(await post({ ...nightly, name: 'other' }, key), 422, 'IDEMPOTENCY_KEY_REUSED')
    const [id] = ids
    await remove(String(id))
    const gone = await post(nightly, key)
    expectRefusal(gone, 410, 'CREATED_GONE')
    expect(gone.body['details']).toEqual({ scheduleId: id })
    expect((await list()).headers.get('x-total')).toBe('0')
  })
})
