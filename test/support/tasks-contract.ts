import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestClient } from './client.ts'
import type { EnginePlace } from './engine-places.ts'
import { openStage, type Stage } from './stage.ts'
import { until } from './system.ts'
import { createTask, listIn, showTask, untilStatus, untilTask, verb, withTestTypes } from './tasks.ts'

/** What holds of tasks wherever their queues are. */
export function tasksContract(openPlace: () => Promise<EnginePlace>): void {
  let place: EnginePlace
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    place = await openPlace()
    const env = { ...withTestTypes, QUEUE_PREFIX: place.prefix }
    stage = await openStage({ redisUrl: place.redisUrl, pooled: place.pooled, workers: 2, env })
    client = await stage.client()
  })
  afterAll(async () => {
    await stage.close()
    await place.close()
  })

  const createBatch = async (by: TestClient, count: number, item: Record<string, unknown>): Promise<string[]> => {
    const tasks = Array.from({ length: count }, () => item)
    const answer = await by.call('POST', '/api/tasks/batch', { body: { tasks } })
    expect(answer.status).toBe(201)
    const created: unknown = answer.body['tasks']
    if (!Array.isArray(created)) throw new Error('not a list')
    return created.map((task: { taskId: string }) => task.taskId)
  }
  const statusesOf = async (taskIds: string[]): Promise<Record<string, number>> => {
    const rows = await stage.sql<{ status: string; count: number }[]>`
      select status, count(*)::int as count from tasks where id = any(${taskIds}::uuid[]) group by status`
    return Object.fromEntries(rows.map(({ status, count }) => [status, count]))
  }
  const untilAllCompleted = (taskIds: string[]) =>
    until(async () => ((await statusesOf(taskIds))['Completed'] === taskIds.length ? true : undefined), 30_000)
  const reached = async (taskId: string): Promise<{ reached: number; claimedBy: string | null }> => {
    const [row] = await stage.sql<{ reached: number; claimedBy: string | null }[]>`
      select coalesce((checkpoint ->> 'reached')::int, 0) as reached, claimed_by from tasks where id = ${taskId}`
    return row ?? { reached: 0, claimedBy: null }
  }
  const untilReached = (taskId: string, least: number) =>
    until(async () => {
      const state = await reached(taskId)
      return state.reached >= least ? state : undefined
    })

  it('run with queues where they were told to be, and the API sees them', async () => {
    for (const one of [...stage.system.apis, ...stage.system.workers]) {
      expect(one.logs).toContainEqual(expect.objectContaining({ engine: place.kind }))
    }
    expect(await client.call('GET', '/health/ready')).toMatchObject({ status: 200, body: { engine: true, workers: 2 } })
  })

  it('run, one after the other where asked, and end with their results', async () => {
    const first = await createTask(client, 'Echo', { value: 7 }, { priority: 90 })
    const parameters = { value: { $result: { taskId: first, path: 'value' } } }
    const second = await createTask(client, 'Echo', parameters, { after: [first], priority: 10 })
    expect(await untilStatus(client, second, 'Completed')).toMatchObject({ results: { value: 7 }, attempts: 1 })
    expect(await stage.eventTypes(second)).toEqual(['task.created', 'task.started', 'task.completed'])
  })

  it('are paused and resumed while they run, and cancelled', async () => {
    const taskId = await createTask(client, 'Count', { to: 30 })
    await untilReached(taskId, 2)
    expect(await verb(client, taskId, 'pause')).toMatchObject({ status: 200, body: { status: 'Paused' } })
    await until(async () => ((await reached(taskId)).claimedBy === null ? true : undefined))
    const { reached: stoppedAt } = await reached(taskId)
    await verb(client, taskId, 'resume')
    expect(await untilStatus(client, taskId, 'Completed')).toMatchObject({
      results: { reached: 30, beganAt: [0, stoppedAt] },
    })
    const other = await createTask(client, 'Count', { to: 5000 })
    await untilReached(other, 2)
    expect(await verb(client, other, 'cancel')).toMatchObject({ status: 200, body: { status: 'Cancelled' } })
    await until(async () => ((await reached(other)).claimedBy === null ? true : undefined))
    expect(await verb(client, other, 'retry')).toMatchObject({ status: 200, body: { status: 'Pending' } })
    await verb(client, other, 'cancel')
  })

  it('are tried again when they fail, and again when somebody asks', async () => {
    const taskId = await createTask(client, 'Flaky', { failures: 1 })
    expect(await untilStatus(client, taskId, 'Completed')).toMatchObject({ attempts: 2 })
    const hopeless = await createTask(client, 'Flaky', { failures: 0, permanent: true })
    await untilStatus(client, hopeless, 'Failed')
    await verb(client, hopeless, 'retry')
    await untilTask(client, hopeless, (task) => task['status'] === 'Failed' && task['attempts'] === 1)
    const events = listIn(await client.call('GET', `/api/tasks/${hopeless}/events`)).map((event) => event['type'])
    expect(events.filter((type) => type === 'task.failed')).toHaveLength(2)
  })

  it('of one account do not wait for all those of another', async () => {
    const [greedy, other] = [await stage.client(), await stage.client()]
    const many = await createBatch(greedy, 60, { type: 'Count', parameters: { to: 4 } })
    await until(async () => ((await statusesOf(many))['Completed'] ?? 0) > 0 || undefined)
    const taskId = await createTask(other, 'Echo')
    await untilStatus(other, taskId, 'Completed')
    expect((await statusesOf(many))['Pending']).toBeGreaterThan(30)
  })

  it('are not lost when the engine forgets all of them, waiting and running', async () => {
    const taskIds = await createBatch(client, 20, { type: 'Count', parameters: { to: 5 } })
    await until(async () => ((await statusesOf(taskIds))['InProgress'] ?? 0) > 0 || undefined)
    await place.forget(stage.sql)
    await untilAllCompleted(taskIds)
    const [sum] = await stage.sql`
      select sum(attempts)::int as attempts from tasks where id = any(${taskIds}::uuid[])`
    // What ran went on.
    expect(sum).toEqual({ attempts: 20 })
  })

  it('go on elsewhere when their worker is killed', async () => {
    const taskId = await createTask(client, 'Count', { to: 40 })
    const { claimedBy } = await untilReached(taskId, 5)
    const holder = stage.system.workers.find((worker) => claimedBy?.includes(`-${worker.pid}-`))
    holder?.kill('SIGKILL')
    expect(await holder?.exited).toMatchObject({ signal: 'SIGKILL' })
    const { results } = await untilStatus(client, taskId, 'Completed')
    expect(results).toEqual({ reached: 40, beganAt: [0, expect.any(Number)] })
    expect(await showTask(client, taskId)).toMatchObject({ attempts: 2 })
  })
}
