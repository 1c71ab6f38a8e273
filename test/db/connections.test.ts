import { afterEach, describe, expect, it } from 'vitest'
import { describeWithPooler } from '../support/pooler.ts'
import { describeWithRedis, sharedRedis } from '../support/redis.ts'
import { openStage, type Stage, type StageOptions } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { withTestTypes } from '../support/tasks.ts'

// As docs/operations.md has them, for one API process and one worker with its four slots.
const most = { api: 16, worker: 8, claims: 5, signals: 2, queue: 2 * 7 }
/** Fewer than the two processes would open by themselves. */
const mostOfPooler = 10

let stage: Stage
afterEach(() => stage.close())

describe('the connections of an API process and a worker to Postgres', () => {
  it('are as many as is said, however much comes at once', async () => {
    const { api, worker, claims, signals, queue } = await countMostOf({ pooled: false })
    expect(api).toBeLessThanOrEqual(most.api)
    expect(api).toBeGreaterThan(4)
    expect(worker).toBeLessThanOrEqual(most.worker)
    expect(claims).toBeLessThanOrEqual(most.claims)
    expect(claims).toBeGreaterThan(0)
    expect(signals).toBe(most.signals)
    expect(queue).toBeLessThanOrEqual(most.queue)
    expect(queue).toBeGreaterThan(0)
  })
})

describeWithRedis('with the queue in Redis, the connections to Postgres', () => {
  it('are those of the pools and one that listens for each process', async () => {
    const { redisUrl, prefix } = sharedRedis()
    const { api, worker, signals, queue } = await countMostOf({
      pooled: false,
      redisUrl,
      env: { QUEUE_PREFIX: prefix },
    })
    expect(api).toBeLessThanOrEqual(most.api)
    expect(worker).toBeLessThanOrEqual(most.worker)
    expect({ signals, queue }).toEqual({ signals: most.signals, queue: 0 })
  })
})

describeWithPooler('behind PgBouncer, the connections to Postgres', () => {
  it('are those of its pool, and those that go past it to listen, to claim and for the queue', async () => {
    const { both, claims, signals, queue } = await countMostOf({ pooled: true })
    expect(both).toBeLessThanOrEqual(mostOfPooler)
    expect(both).toBeGreaterThan(4)
    expect(claims).toBeLessThanOrEqual(most.claims)
    expect(signals).toBe(most.signals)
    expect(queue).toBeLessThanOrEqual(most.queue)
  })
})

/** `both`: those of the API's and the worker's pools together, at one time. */
type Counts = Record<keyof typeof most | 'both', number>

/** Opens the stage, lets very many requests and tasks come at once, and counts the connections all the while. */
async function countMostOf(options: StageOptions): Promise<Counts> {
  stage = await openStage({ ...options, env: { ...withTestTypes, ...options.env } })
  const client = await stage.client()
  const highest: Counts = { api: 0, worker: 0, both: 0, claims: 0, signals: 0, queue: 0 }
  const count = async (): Promise<void> => {
    const now = await countConnections(stage)
    highest.api = Math.max(highest.api, now.api)
    highest.worker = Math.max(highest.worker, now.worker)
    highest.both = Math.max(highest.both, now.both)
    highest.claims = Math.max(highest.claims, now.claims)
    highest.signals = Math.max(highest.signals, now.signals)
    highest.queue = Math.max(highest.queue, now.queue)
  }
  const tasks = Array.from({ length: 20 }, (_, index) => ({
    type: 'Count',
    parameters: { to: 2 },
    priority: 5 * index,
  }))
  const requests = Array.from({ length: 10 }, () => client.call('POST', '/api/tasks/batch', { body: { tasks } }))
  const reads = Array.from({ length: 100 }, () => client.call('GET', '/api/tasks'))
  let isOver = false
  const load = Promise.all([...requests, ...reads]).finally(() => {
    isOver = true
  })
  await until(async () => {
    await count()
    return isOver || undefined
  }, 30_000)
  const statuses = new Set((await load).map((answer) => answer.status))
  expect(statuses).toEqual(new Set([200, 201]))
  await count()
  return highest
}

/** By what they are for. BullMQ names some of its connections itself, so its are all the others. */
async function countConnections({ sql }: Stage): Promise<Counts> {
  const [row] = await sql<[Counts]>`
    select count(*) filter (where name = 'longshore api')::int as api,
      count(*) filter (where name = 'longshore worker')::int as worker,
      count(*) filter (where name in ('longshore api', 'longshore worker'))::int as both,
      count(*) filter (where name = 'longshore claims')::int as claims,
      count(*) filter (where name = 'longshore signals')::int as signals,
      count(*) filter (where name not in ('longshore api', 'longshore worker', 'longshore claims', 'longshore signals'))::int
        as queue
    from (
      select application_name as name from pg_stat_activity
      where datname = current_database() and backend_type = 'client backend' and application_name <> 'longshore test'
    ) as connections`
  return row
}
