import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { onThisThread } from './age/threads.ts'
import { deflateOnThisThread } from './archive/deflater.ts'
import { findZstd } from './archive/zstd.ts'
import { createSealer } from './auth/seal.ts'
import { createVerifier, requiringScope } from './auth/verify.ts'
import { type Config, loadConfig } from './config.ts'
import { bands } from './contract/task.ts'
import { ensureBands } from './db/admission.ts'
import { openDatabase, type Sql } from './db/connect.ts'
import { adoptLedger } from './db/ledger-id.ts'
import { openSignals } from './db/signals.ts'
import { followPools } from './files/follow-pools.ts'
import { openPools, type Pools } from './files/pools.ts'
import { createApp } from './http/app.ts'
import { guardConnections } from './http/front-door.ts'
import { createAuditTrail } from './http/audit-trail.ts'
import { listen } from './http/listen.ts'
import { openRequestLimits } from './limits/requests.ts'
import { UnderWay } from './http/under-way.ts'
import { builtInJobs } from './jobs/index.ts'
import { type Log, openLog } from './log.ts'
import { ledgerCollect } from './metrics/collect.ts'
import { noMeters } from './metrics/meters.ts'
import { openNotifiers } from './notify/notifiers.ts'
import { publicKeyOf } from './notify/vapid.ts'
import { packageRoot } from './package-root.ts'
import { atMost, runMain } from './process.ts'
import { openEngine } from './queue/engine.ts'
import { openRedis, type RedisClient } from './queue/redis.ts'
import { openRealtime } from './realtime/open.ts'
import { tellPresence, untold } from './realtime/presence.ts'
import { type Backlog, followBacklog } from './tasks/backlog.ts'
import { registerJobs } from './tasks/define-job.ts'
import { createDispatcher } from './tasks/dispatch.ts'
import { loadChecksum } from './uploads/checksum.ts'
import { loadTaskModules } from './tasks/load-modules.ts'
import { openTracing } from './tracing/open.ts'
import { createPlanCache, type PlanCache } from './uploads/plan-cache.ts'
import { sharePlans } from './uploads/shared-plans.ts'
import { ProgressTracker } from './uploads/progress.ts'
import { knowingUploadTokens } from './uploads/tokens.ts'

const maxConnections = 16
const realtimeLimits = { maxEvents: 10_000, recheckMs: 60_000 }
/** Requests in flight may take so long to end after the signal to stop. */
const drainMs = 6000

runMain(async (env) => {
  const config = loadConfig(env)
  const { root: log, scope } = openLog('api', config.log)
  const parts = await openParts(config, scope, (name) => env[name])
  const { signals, engine, dispatcher, progress, quick, audit, database, presence, tracing } = parts
  const { meters, metrics } = await openMetrics(config, parts)
  const authenticate = createVerifier(config.tokens)
  const realtime = await openRealtime({
    ...parts,
    authenticate: requiringScope(authenticate, 'tasks:read'),
    limits: { ...realtimeLimits, ...config.limits.realtime, maxAgeMs: config.tasks.retentionMs },
    meters,
    log: scope('realtime'),
  })
  const shutdown = new AbortController()
  const underWay = new UnderWay()
  const app = createApp({
    ...parts,
    ...config.limits,
    meters,
    metrics,
    createChecksum: await loadChecksum(),
    authenticate: knowingUploadTokens(authenticate, parts.sql),
    streamTask: realtime.streamTask,
    underWay,
    limits: config.uploads,
    scheduleLimits: config.schedules,
    taskLimits: config.tasks,
    notify: config.notify,
    vapidPublicKey: config.notify.push.vapid && publicKeyOf(config.notify.push.vapid),
    shutdown: shutdown.signal,
    dataDir: config.dataDir,
    pageFolder: join(packageRoot(), 'dist', 'dashboard'),
    log: scope('http'),
  })
  const following = followPools({ ...parts, log: scope('storage') })
  const http = await listen(app, config, config.limits.http)
  realtime.attach(http.server, guardConnections(app, { ...config.limits, ...parts }))
  log.info({ url: http.url, engine: engine.kind }, 'listening')

  return async () => {
    log.info('stopping')
    shutdown.abort()
    realtime.close()
    following.close()
    await http.close(drainMs)
    await atMost(
      1000,
      underWay.idle().then(() => dispatcher.idle()),
    )
    await atMost(1000, Promise.all([progress.idle().then(() => signals.close()), engine.close()]))
    quick?.disconnect()
    await atMost(1000, Promise.all([audit.close(), presence.close(), tracing.close()]))
    await database.close(1)
    log.info('stopped')
  }
})

/** What the process is connected to, and what it knows from the start. */
async function openParts(
  config: Config,
  scope: (name: string) => Log,
  readVariable: (name: string) => string | undefined,
) {
  const { preparesStatements } = config
  const database = openDatabase(config.databaseUrl, { name: 'api', maxConnections, preparesStatements })
  const { sql } = database
  if ((await adoptLedger(sql)) === 'adopted') scope('realtime').info('the ledger was restored from another server')
  await ensureBands(sql, bands)
  const signals = await openSignals({ sql, listenUrl: config.databaseDirectUrl, log: scope('signals') })
  const engine = await openEngine(config, scope('queue'))
  const tracing = await openTracing({ ...config.tracing, serviceName: 'longshore-api' }, scope('tracing'))
  const dispatcher = createDispatcher({ sql, engine, tracing, log: scope('tasks') })
  const pools = await openPools(sql, { ...config.storage, dataDir: config.dataDir, readVariable }, scope('storage'))
  const custom = await loadTaskModules(config.tasks.modules)
  const archiveTools = { deflater: deflateOnThisThread(), zstd: await findZstd(), ...config.archives }
  const sealer = createSealer(config.secretsKeys)
  const tools = { crypt: onThisThread(), sealer, archiveTools, conversion: undefined }
  const jobs = builtInJobs({ sql, pools, log: scope('uploads'), ...tools })
  const registry = registerJobs(jobs, custom)
  const progress = new ProgressTracker({ sql, signals, log: scope('uploads') })
  const quick = openQuickRedis(config.redisUrl, scope('queue'))
  const requestLimits = openRequestLimits({ ...config, ...config.limits, redis: quick })
  const plans = openPlans({ sql, redis: quick, log: scope('uploads') }, config)
  const audit = createAuditTrail({ sql, log: scope('http') })
  const notifiers = await openNotifiers(config.notify)
  // Nobody asks who is there but to notify those who are not.
  const isAsked = notifiers.size > 0
  const backlog = followBacklog(sql)
  const presence = isAsked ? tellPresence({ sql, processId: randomUUID(), log: scope('realtime') }) : untold
  const tellers = { audit, notifiers, presence, backlog }
  const asked = { quick, requestLimits, plans }
  return {
    database,
    sql,
    signals,
    engine,
    tracing,
    dispatcher,
    pools,
    registry,
    sealer,
    progress,
    ...asked,
    ...tellers,
  }
}

/** Redis for what a request asks and can do without: none waits longer than this for an answer. */
function openQuickRedis(redisUrl: string | undefined, log: Log): RedisClient | undefined {
  if (redisUrl === undefined) return undefined
  const redis = openRedis(redisUrl, { commandTimeoutMs: 250, connectTimeoutMs: 5000 })
  return redis.on('error', (error: unknown) => log.debug({ err: error }, 'the store of counts and plans is away'))
}

function openPlans(
  { sql, redis, log }: { sql: Sql; redis: RedisClient | undefined; log: Log },
  { queuePrefix: prefix, uploads: { cacheDurationMs: durationMs } }: Config,
): PlanCache {
  const shared = redis && durationMs > 0 ? sharePlans(redis, { prefix, durationMs, log }) : undefined
  return createPlanCache(sql, { durationMs, shared })
}

/** What is counted for monitoring; nothing when nobody may read it. */
async function openMetrics(
  { metrics: { token } }: Config,
  { sql, backlog, pools }: { sql: Sql; backlog: Backlog; pools: Pools },
) {
  if (token === undefined) return { meters: noMeters, metrics: undefined }
  const { openMeters } = await import('./metrics/prometheus.ts')
  const { meters, add, read } = openMeters()
  add(ledgerCollect({ sql, backlog, checkPools: pools.check }))
  return { meters, metrics: { token, read } }
}
