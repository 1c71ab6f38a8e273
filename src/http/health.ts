import type { Response } from 'express'
import { livenessView, readinessView, uploadHealthView } from '../contract/health.ts'
import type { Band } from '../contract/task.ts'
import { type BandRow, listBands, queueOf, type WaitingRow } from '../db/bands.ts'
import { pingDatabase, type Sql } from '../db/connect.ts'
import { countWorkers, listServedTypes, type WorkerCounts } from '../db/workers.ts'
import type { Pools } from '../files/pools.ts'
import type { Log } from '../log.ts'
import type { Engine } from '../queue/engine.ts'
import { kept } from '../kept.ts'
import type { Backlog } from '../tasks/backlog.ts'
import { unservedTypes } from '../tasks/figures.ts'
import { json } from './outcomes.ts'
import { openRoute, type Route } from './route.ts'

export type HealthDeps = { sql: Sql; backlog: Backlog; engine: Engine; pools: Pools; log: Log }

const answerWithinMs = 3000
/** Anybody may ask, as often as he likes: for so long he is told what was found for the last one. */
const readyKeptMs = 500
const uploadsKeptMs = 2000
/** Workers say that they are there every 5 s. */
const workerSeenWithinMs = 15_000
/** Uploads are finished in this one unless their creators say otherwise. */
const finishingBand: Band = 'high'

/** `/health/…`: for load balancers and people; without a token, so without a word that is nobody's business. */
export function healthRoutes(deps: HealthDeps): Route<undefined>[] {
  return [live(), ready(deps), uploads(deps)]
}

const live = () =>
  openRoute(
    {
      method: 'GET',
      path: '/live',
      id: 'isLive',
      summary: 'Whether the process answers',
      answers: { 200: json('It does.', livenessView) },
    },
    ({ response }) => {
      response.json({ status: 'ok' })
    },
  )

const ready = (deps: HealthDeps) => {
  const ask = kept(readyKeptMs, () => checkReady(deps))
  return openRoute(
    {
      method: 'GET',
      path: '/ready',
      id: 'isReady',
      summary: 'Whether it can do its work',
      answers: { 200: json('It can.', readinessView), 503: json('It cannot.', readinessView) },
    },
    async ({ response }) => sendHealth(response, await ask()),
  )
}

const uploads = (deps: HealthDeps) => {
  const ask = kept(uploadsKeptMs, () => checkUploads(deps))
  return openRoute(
    {
      method: 'GET',
      path: '/uploads',
      id: 'areUploadsHealthy',
      summary: 'Whether uploads work, and how the queues stand',
      answers: { 200: json('They do.', uploadHealthView), 503: json('They do not.', uploadHealthView) },
    },
    async ({ response }) => sendHealth(response, await ask()),
  )
}

function sendHealth(response: Response, answer: { status: 'ok' | 'unavailable' }): void {
  response.status(answer.status === 'ok' ? 200 : 503).json(answer)
}

async function checkReady(deps: HealthDeps) {
  const { workers, ...parts } = await check(deps)
  return { status: wordFor(parts.database && parts.engine && workers.all > 0), ...parts, workers: workers.all }
}

async function checkUploads(deps: HealthDeps) {
  const [{ workers, ...parts }, pools, bands, waiting, served] = await Promise.all([
    check(deps),
    within(deps.pools.check()).catch(() => undefined),
    within(listBands(deps.sql)).catch(() => undefined),
    within(deps.backlog()).catch(() => undefined),
    within(listServedTypes(deps.sql)).catch(() => undefined),
  ])
  // As good as full is out of order as well: the next chunk would be refused.
  const storage = pools?.some((pool) => pool.poolId === deps.pools.defaultId && pool.problem === null) ?? false
  const finishing = bands?.some(
    ({ band, pausedAt }) => band === finishingBand && pausedAt === null && workers.byBand[band] > 0,
  )
  return {
    status: wordFor(parts.database && parts.engine && storage && finishing === true),
    ...parts,
    workers: workers.all,
    storage,
    pools,
    queues: bands && waiting && Object.fromEntries(bands.map((row) => [row.band, presentQueue(row, waiting, workers)])),
    // Tasks of these types wait until a worker comes that knows them.
    unservedTypes: waiting && served && unservedTypes(waiting, served),
  }
}

function presentQueue(row: BandRow, backlog: readonly WaitingRow[], workers: WorkerCounts) {
  const { band, admitted, running, pausedAt } = row
  const { waiting, oldestWaitSeconds } = queueOf(row, backlog)
  return {
    waiting: waiting + admitted,
    active: running,
    oldestWaitSeconds,
    paused: pausedAt !== null,
    workers: workers.byBand[band],
  }
}

function wordFor(isHealthy: boolean): 'ok' | 'unavailable' {
  return isHealthy ? 'ok' : 'unavailable'
}

type Parts = { database: boolean; engine: boolean; workers: WorkerCounts }

async function check(deps: HealthDeps): Promise<Parts> {
  const nobody = { all: 0, byBand: { high: 0, normal: 0, low: 0 } }
  const [database, engine, workers] = await Promise.all([
    answers(deps, 'database', () => pingDatabase(deps.sql)),
    answers(deps, 'engine', () => deps.engine.counts()),
    within(countWorkers(deps.sql, workerSeenWithinMs)).catch(() => nobody),
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
