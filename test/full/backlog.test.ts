import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openStage, type Stage } from '../support/stage.ts'

const waiting = 1_000_000
const accounts = 1000

const health = z.object({
  status: z.string(),
  queues: z.object({ normal: z.object({ waiting: z.number(), oldestWaitSeconds: z.number() }) }),
  unservedTypes: z.array(z.object({ type: z.string(), waiting: z.number() })),
})

describe(`with ${waiting} tasks of ${accounts} accounts that wait for a worker which knows them`, () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
    await stage.sql`
      insert into tasks (id, account_id, type, name, status, parameters, runnable, queue_key, ready_at)
      select gen_random_uuid(), md5((n % ${accounts})::text)::uuid, 'Unknown', 'one', 'Pending', '{}', true, n,
        now() - interval '1 hour'
      from generate_series(1, ${waiting}::int) as n`
  })
  afterAll(() => stage.close())

  async function ask(): Promise<{ status: number; tookMs: number; body: z.infer<typeof health> }> {
    const beganAtMs = performance.now()
    const response = await fetch(`${stage.system.urls[0]}/health/uploads`)
    const body = health.parse(await response.json())
    return { status: response.status, tookMs: performance.now() - beganAtMs, body }
  }

  it.each(['written a moment ago', 'that autovacuum has been to'])(
    'says so, exactly and in time, of rows %s',
    async (which) => {
      if (which.includes('autovacuum')) await stage.sql`vacuum analyze tasks`
      const times: number[] = []
      for (const endMs = performance.now() + 15_000; performance.now() < endMs; await delay(100)) {
        const { status, tookMs, body } = await ask()
        times.push(tookMs)
        expect(status).toBe(200)
        expect(body.queues.normal.waiting).toBe(waiting)
        expect(body.queues.normal.oldestWaitSeconds).toBeGreaterThan(3600)
        expect(body.unservedTypes).toEqual([{ type: 'Unknown', waiting }])
      }
      const [slowest = 0, ...others] = times.map(Math.round).sort((one, other) => other - one)
      console.log({
        waiting,
        rows: which,
        answers: times.length,
        slowestMs: slowest,
        overAllMs: slowest + others.reduce((sum, ms) => sum + ms, 0),
      })
      expect(slowest).toBeLessThan(2000)
    },
  )
})
