import { Router } from 'express'
import { pingDatabase, type Sql } from '../db/connect.ts'
import { countWorkers, listUnservedTypes } from '../db/workers.ts'
import type { Pools } from '../files/pools.ts'
import type { Log } from '../log.ts'
import type { Engine } from '../queue/engine.ts'

export type HealthDeps = { sql: Sql; engine: Engine; pools: Pools; log: Log }

const answerWithinMs = 3000
/** Workers say that they are there every 5 s. */
const workerSeenWithinMs = 15_000

/** `/health/…`: for load balancers and people; without a token, so without a word that is nobody's business. */
export function healthRoutes(deps: HealthDeps): Router {
  const router = Router()

  router.get('/live', (_request, response) => {
    response.json({ status: 'ok' })
  })

  router.get('/ready', async (_request, response) => {
    const checks = await check(deps)
    const ready = checks.database && checks.engine && checks.workers > 0
    response.status(ready ? 200 : 503).json({ status: ready ? 'ok' : 'unavailable', ...checks })
  })

  router.get('/uploads', async (_request, response) => {
    const [checks, pools, queues, unservedTypes] = await Promise.all([
      check(deps),
      within(deps.pools.check()).catch(() => undefined),
      within(deps.engine.counts()).catch(() => undefined),
      // Tasks of these types wait until a worker comes that knows them.
      within(listUnservedTypes(deps.sql)).catch(() => undefined),
    ])
    // As good as full is out of order as well: the next chunk would be refused.
    const storage = pools?.some((pool) => pool.poolId === deps.pools.defaultId && pool.problem === null) ?? false
    const healthy = checks.database && checks.engine && storage && checks.workers > 0
    response
      .status(healthy ? 200 : 503)
      .json({ status: healthy ? 'ok' : 'unavailable', ...checks, storage, pools, queues, unservedTypes })
  })

  return router
}

async function check(deps: HealthDeps): Promise<{ database: boolean; engine: boolean; workers: number }> {
  const [database, engine, workers] = await Promise.all([
    answers(deps, 'database', () => pingDatabase(deps.sql)),
    answers(deps, 'engine', () => deps.engine.counts()),
    within(countWorkers(deps.sql, workerSeenWithinMs)).catch(() => 0),
  ])
  return { database, engine, workers }
}

async function answers({ log }: HealthDeps, part: string, ask: () => PromiseLike<unknown>): Promise<boolean> {
  try {
    await within(ask())
    return true
  } catch (error) {
    log.warn({ err: error, part }, 'a health check failed')
    return false
  }
}

function within<Answer>(answer: PromiseLike<Answer>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${answerWithinMs} ms`)), answerWithinMs)
    Promise.resolve(answer)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer))
  })
}
