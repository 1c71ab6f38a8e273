import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { describeWithRedis } from '../support/redis.ts'
import { startRedisCluster, type TestRedisCluster } from '../support/redis-cluster.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { createTask, untilStatus, withTestTypes } from '../support/tasks.ts'

const prefix = 'survivors'
/** A health check that gets no answer gives up after 3 s. */
const healthWithinMs = 4000

describeWithRedis('a Redis Cluster', { timeout: 90_000 }, () => {
  let cluster: TestRedisCluster
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    cluster = await startRedisCluster({ downAfterMs: 1500 })
    stage = await openStage({
      redisUrl: cluster.redisUrl,
      workers: 2,
      env: { ...withTestTypes, QUEUE_PREFIX: prefix },
    })
    client = await stage.client()
  })
  afterAll(async () => {
    await stage.close()
    await cluster.stop()
  })

  const completed = async (): Promise<number> => {
    const [row] = await stage.sql<
      { count: number }[]
    >`select count(*)::int as count from tasks where status = 'Completed'`
    return row?.count ?? 0
  }

  it('that loses a master in the middle of it loses no task, and none is begun twice', async () => {
    const taskIds: string[] = []
    const create = (count: number, parameters: Record<string, unknown>): Promise<void>[] =>
      Array.from({ length: count }, async () => {
        taskIds.push(await createTask(client, 'Count', parameters))
      })
    await Promise.all(create(30, { to: 4 }))
    // One that runs all the while.
    const long = await createTask(client, 'Count', { to: 250 }, { priority: 90 })
    await until(async () => (await completed()) >= 5 || undefined)
    const master = await cluster.signalMasterOf(`{${prefix}}`, 'SIGKILL')
    const created = create(30, { to: 1 })
    const takenOver = cluster.untilTakenOver(`{${prefix}}`, master)
    const both = Promise.all([...created, takenOver])
    // Should the test end before them, nobody else minds how they end.
    both.catch(() => {})
    // If requests waited for the queue, none of them could be answered before another master is there.
    const first = Promise.race([Promise.any(created).then(() => 'an answer'), takenOver.then(() => 'another master')])
    expect(await first).toBe('an answer')
    await both
    await Promise.all(create(10, { to: 1 }))
    await until(async () => (await completed()) === taskIds.length + 1 || undefined, 60_000)
    expect(await untilStatus(client, long, 'Completed')).toMatchObject({ results: { reached: 250, beganAt: [0] } })
    const [effects] = await stage.sql`
      select sum(attempts)::int as attempts, count(*)::int as ends from tasks t
      join task_events e on e.task_id = t.id and e.type = 'task.completed' where t.id = any(${taskIds}::uuid[])`
    expect(effects).toEqual({ attempts: taskIds.length, ends: taskIds.length })
    expect(await client.call('GET', '/health/ready')).toMatchObject({ status: 200 })
  })

  it('that is gone is said to be, and keeps no process from stopping in time', async () => {
    await cluster.stop()
    // What was found before is told for half a second, and not a moment longer.
    const answer = await until(async () => {
      const askedAt = Date.now()
      const one = await client.call('GET', '/health/ready')
      expect(Date.now() - askedAt).toBeLessThan(healthWithinMs)
      return one.status === 200 ? undefined : one
    }, 500 + healthWithinMs)
    expect(answer).toMatchObject({ status: 503, body: { engine: false } })
    expect(await createTask(client, 'Echo')).toEqual(expect.any(String))
    const since = Date.now()
    const all = [...stage.system.apis, ...stage.system.workers]
    for (const one of all) one.kill('SIGTERM')
    for (const one of all) expect(await one.exited).toEqual({ code: 0, signal: null })
    expect(Date.now() - since).toBeLessThan(10_000)
  })
})
