import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, TestClient } from '../support/client.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { verb } from '../support/tasks.ts'

const limit = 10

describe('what an account may have open at once', { timeout: 60_000 }, () => {
  let stage: Stage
  beforeAll(async () => {
    const env = { OPEN_TASKS_PER_ACCOUNT: String(limit), OPEN_UPLOADS_PER_ACCOUNT: String(limit) }
    stage = await openStage({ apis: 2, workers: 0, env })
  })
  afterAll(() => stage.close())

  const task = { type: 'FileMove', parameters: { fileIds: [randomUUID()], targetBundleId: null } }
  const submit = (client: TestClient) => client.call('POST', '/api/tasks', { body: task })
  const openTasks = async ({ account }: TestClient) => {
    const [row] = await stage.sql`
      select count(*)::int as count from tasks
      where account_id = ${account} and status in ('Pending', 'InProgress', 'Paused') and type <> 'FileUpload'`
    return row?.['count'] as unknown
  }
  const twins = async () => {
    const client = await stage.client()
    return [client, await stage.client({ account: client.account, api: 1 })] as const
  }
  /** A hundred at once through both processes; what was answered, by its status. */
  const hundred = async (both: readonly TestClient[], ask: (client: TestClient) => Promise<Answer>) => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => both.map(ask)).flat())
    return {
      granted: answers.filter(({ status }) => status < 300),
      refused: answers.filter(({ status }) => status === 429),
    }
  }

  it('are so many tasks, however many are asked for at once through two processes', async () => {
    const both = await twins()
    const [client] = both
    const { granted, refused } = await hundred(both, submit)
    expect([granted.length, refused.length]).toEqual([limit, 100 - limit])
    expect(await openTasks(client)).toBe(limit)
    const last = await submit(client)
    expectRefusal(last, 429, 'TASK_LIMIT')
    expect(last.body['details']).toEqual({ limit, open: limit, requested: 1 })
    expect(last.headers.get('retry-after')).toBe('1')
    // Those of others are their own.
    expect((await submit(await stage.client())).status).toBe(201)

    // As soon as it is known that some have ended there is room for as many, and no more.
    const ids = granted.map(({ body }) => String(body['taskId']))
    await Promise.all(ids.slice(0, 3).map((id) => verb(client, id, 'cancel')))
    await until(async () => ((await submit(client)).status === 201 ? true : undefined), 5000)
    expect((await hundred(both, submit)).granted).toHaveLength(2)
    expect(await openTasks(client)).toBe(limit)
  })

  it('counts those of a batch together, and those that are tried again', async () => {
    const [client] = await twins()
    const batch = (count: number) =>
      client.call('POST', '/api/tasks/batch', { body: { tasks: Array.from({ length: count }, () => task) } })
    const tooMany = await batch(limit + 1)
    expectRefusal(tooMany, 429, 'TASK_LIMIT')
    expect(tooMany.body['details']).toEqual({ limit, open: 0, requested: limit + 1 })
    const { body } = await batch(limit - 1)
    const [first] = body['tasks'] as { taskId: string }[]
    await verb(client, String(first?.taskId), 'cancel')
    await until(async () => ((await batch(2)).status === 201 ? true : undefined), 5000)
    expectRefusal(await verb(client, String(first?.taskId), 'retry'), 429, 'TASK_LIMIT')
    expect(await openTasks(client)).toBe(limit)
    const all = await client.call('POST', '/api/tasks/retry', { body: { status: 'Cancelled' } })
    expect(all.body).toEqual({ retried: 0, refused: [{ taskId: first?.taskId, code: 'TASK_LIMIT' }] })
    const schedule = await client.call('POST', '/api/schedules', { body: { intervalSeconds: 3600, task } })
    const run = await client.call('POST', `${String(schedule.headers.get('location'))}/run`)
    expectRefusal(run, 429, 'TASK_LIMIT')
  })

  it('counts what was there before anybody counted', async () => {
    const [client] = await twins()
    for (let nth = 0; nth < limit; nth++) await submit(client)
    await stage.sql`delete from open_tasks`
    expectRefusal(await submit(client), 429, 'TASK_LIMIT')
  })

  it('are so many uploads, and no longer than they are open', async () => {
    const both = await twins()
    const [client] = both
    const create = (one: TestClient) => one.create(randomBytes(10))
    const { granted, refused } = await hundred(both, create)
    expect([granted.length, refused.length]).toEqual([limit, 100 - limit])
    const last = await create(client)
    expectRefusal(last, 429, 'UPLOAD_LIMIT')
    expect(last.body['details']).toEqual({ limit, open: limit })
    expect(last.headers.get('retry-after')).toBe('5')
    expect((await stage.poolFiles()).filter((path) => path.startsWith('.uploads/'))).toHaveLength(limit)
    // Uploads are no tasks of which there may be so many.
    expect((await submit(client)).status).toBe(201)
    await verb(client, String(granted[0]?.body['taskId']), 'cancel')
    expect((await create(client)).status).toBe(200)
    expectRefusal(await create(client), 429, 'UPLOAD_LIMIT')
  })
})
