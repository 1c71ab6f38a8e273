import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import type { Answer, TestClient } from '../support/client.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret, until } from '../support/system.ts'
import { createTask, listIn, showTask, untilStatus, verb, withTestTypes } from '../support/tasks.ts'

describe('what admins can do', () => {
  let stage: Stage
  let client: TestClient
  let admin: (method: string, path: string) => Promise<Answer>

  beforeAll(async () => {
    stage = await openStage({ env: withTestTypes })
    client = await stage.client()
    const token = await signToken(secret, { account: randomUUID(), admin: true, expiresInSeconds: 600 })
    const headers = { authorization: `Bearer ${token}` }
    admin = (method, path) => client.call(method, `/api/admin${path}`, { headers })
  })
  afterAll(() => stage.close())

  const bandCalled = async (name: string) => {
    const found = listIn(await admin('GET', '/bands')).find((band) => band['band'] === name)
    if (!found) throw new Error(`there is no band ${name}`)
    return found
  }

  it('is for nobody else', async () => {
    for (const [method, path] of [
      ['GET', '/bands'],
      ['GET', '/workers'],
      ['POST', '/bands/high/pause'],
      ['POST', '/bands/high/resume'],
    ] as const) {
      expectRefusal(await client.call(method, `/api/admin${path}`), 403, 'FORBIDDEN')
      const headers = { authorization: '' }
      expectRefusal(await client.call(method, `/api/admin${path}`, { headers }), 401, 'UNAUTHENTICATED')
    }
  })

  it('shows the bands, most urgent first, with what happened by the minute', async () => {
    const taskId = await createTask(client, 'Echo', {}, { priority: 67 })
    await untilStatus(client, taskId, 'Completed')
    const failed = await createTask(client, 'Flaky', { failures: 0, permanent: true }, { priority: 66 })
    await untilStatus(client, failed, 'Failed')
    const bands = listIn(await admin('GET', '/bands'))
    expect(bands.map((band) => band['band'])).toEqual(['high', 'normal', 'low'])
    expect(bands[2]).toEqual({
      band: 'low',
      pausedAt: null,
      waiting: 0,
      admitted: 0,
      running: 0,
      oldestWaitSeconds: 0,
      minutes: [],
    })
    const figures = await until(async () => {
      const [high, normal] = [await bandCalled('high'), await bandCalled('normal')]
      // That they began is noted before how they ended.
      const known = JSON.stringify(high).includes('"completed":1') && JSON.stringify(normal).includes('"failed":1')
      return known ? [high['minutes'], normal['minutes']] : undefined
    })
    expect(figures).toEqual([
      [{ minute: expect.any(String), started: 1, completed: 1, failed: 0, longestWaitSeconds: expect.any(Number) }],
      [{ minute: expect.any(String), started: 1, completed: 0, failed: 1, longestWaitSeconds: expect.any(Number) }],
    ])
  })

  it('pauses a band: nothing of it begins until it is resumed, and the others go on', async () => {
    expect((await admin('POST', '/bands/low/pause')).body).toMatchObject({ band: 'low', pausedAt: expect.any(String) })
    const waiting = await Promise.all([1, 2, 3].map(() => createTask(client, 'Echo', {}, { priority: 0 })))
    const other = await createTask(client, 'Echo', {}, { priority: 50 })
    await untilStatus(client, other, 'Completed')
    expect(await bandCalled('low')).toMatchObject({ waiting: 3, running: 0, oldestWaitSeconds: expect.any(Number) })
    expect(Number((await bandCalled('low'))['oldestWaitSeconds'])).toBeGreaterThan(0)
    for (const taskId of waiting) expect(await showTask(client, taskId)).toMatchObject({ status: 'Pending' })
    expect((await admin('POST', '/bands/low/pause')).status).toBe(200)
    expect((await admin('POST', '/bands/low/resume')).body).toMatchObject({ band: 'low', pausedAt: null })
    for (const taskId of waiting) await untilStatus(client, taskId, 'Completed')
  })

  it('takes back what was handed out already when a band is paused, but not what runs', async () => {
    // The one worker has one slot for this band.
    const running = await createTask(client, 'Count', { to: 2000 }, { priority: 0 })
    await untilStatus(client, running, 'InProgress')
    const waiting = await createTask(client, 'Echo', {}, { priority: 0 })
    await until(async () => ((await bandCalled('low'))['admitted'] === 1 ? true : undefined))
    await admin('POST', '/bands/low/pause')
    expect(await bandCalled('low')).toMatchObject({ waiting: 1, admitted: 0, running: 1 })
    await verb(client, running, 'cancel')
    await until(async () => ((await bandCalled('low'))['running'] === 0 ? true : undefined))
    const other = await createTask(client, 'Echo')
    await untilStatus(client, other, 'Completed')
    expect(await showTask(client, waiting)).toMatchObject({ status: 'Pending', startedAt: null })
    expect(await client.call('PATCH', `/api/tasks/${waiting}`, { body: { priority: 90 } })).toMatchObject({
      body: { priority: 90 },
    })
    await untilStatus(client, waiting, 'Completed')
    await admin('POST', '/bands/low/resume')
  })

  it('refuses a band that does not exist', async () => {
    for (const verbName of ['pause', 'resume']) {
      const refused = await admin('POST', `/bands/urgent/${verbName}`)
      expectRefusal(refused, 400, 'VALIDATION_FAILED')
      expect(refused.body['details']).toEqual({
        errors: [{ field: 'band', message: 'must be one of high, normal, low' }],
      })
    }
  })

  it('shows the workers and what they run, and no more of a worker that stopped', async () => {
    const extra = await stage.system.startWorker()
    const taskId = await createTask(client, 'Count', { to: 2000 }, { name: 'long' })
    await untilStatus(client, taskId, 'InProgress')
    const workers = listIn(await admin('GET', '/workers'))
    expect(workers).toHaveLength(2)
    expect(workers[0]).toMatchObject({
      id: expect.stringContaining(`-${stage.system.workers[0]?.pid}-`),
      bands: ['high', 'normal', 'low'],
      concurrency: 4,
      types: expect.arrayContaining(['FileUpload', 'Count']),
      startedAt: expect.any(String),
      seenAt: expect.any(String),
    })
    const running = workers.flatMap((worker) => worker['running'])
    // One of them was elected to sweep.
    expect(workers.filter((worker) => worker['sweeps'] === true)).toHaveLength(1)
    expect(running).toMatchObject([{ taskId, type: 'Count', name: 'long', accountId: client.account, epoch: 1 }])
    await verb(client, taskId, 'cancel')
    extra.kill('SIGTERM')
    await extra.exited
    expect(listIn(await admin('GET', '/workers'))).toHaveLength(1)
  })
})
