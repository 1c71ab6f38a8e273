import { randomUUID } from 'node:crypto'
import { availableParallelism, hostname } from 'node:os'
import { openCryptThreads } from '../src/age/threads.ts'
import { openDeflateThreads } from '../src/archive/deflater.ts'
import { findZstd } from '../src/archive/zstd.ts'
import { createSealer } from '../src/auth/seal.ts'
import { type Config, ConfigError, loadConfig } from '../src/config.ts'
import { bands } from '../src/contract/task.ts'
import { ensureBands } from '../src/db/admission.ts'
import { type Database, openDatabase, pingDatabase } from '../src/db/connect.ts'
import { openSignals } from '../src/db/signals.ts'
import { forgetWorker, noteWorker } from '../src/db/workers.ts'
import { systemCode } from '../src/errors.ts'
import { openConversion } from '../src/files/convert.ts'
import { followPools } from '../src/files/follow-pools.ts'
import { openPools } from '../src/files/pools.ts'
import { makeScratchParent } from '../src/files/scratch.ts'
import { builtInJobs } from '../src/jobs/index.ts'
import { type Log, openLog } from '../src/log.ts'
import { noMeters } from '../src/metrics/meters.ts'
import { openNotifiers } from '../src/notify/notifiers.ts'
import { atMost, runMain } from '../src/process.ts'
import { openEngine } from '../src/queue/engine.ts'
import { offersOf, registerJobs } from '../src/tasks/define-job.ts'
import { createDispatcher } from '../src/tasks/dispatch.ts'
import { loadTaskModules } from '../src/tasks/load-modules.ts'
import { openTracing } from '../src/tracing/open.ts'
import { ownChores, sweeps } from './chores.ts'
import { Claims } from './claims.ts'
import { Election } from './election.ts'
import { startMaintenance } from './maintenance.ts'
import { startNotify } from './notify.ts'
import { serveMetrics } from './metrics-server.ts'
import { readWorkerOptions } from './options.ts'
import { runDelivery } from './run-task.ts'
import { BandRates } from './rates.ts'
import { Settler } from './settle.ts'

/** How long running tasks may go on after the signal to stop before they are put back. */
const graceMs = 5000

runMain(async (env, args) => {
  const { slots, concurrency } = readWorkerOptions(args)
  const config = loadConfig(env)
  const { root: log, scope } = openLog('worker', config.log)
  const workerId = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
  const database = openLedger(config, concurrency)
  const claimDatabase = await openClaimSessions(config)
  const { sql } = database
  const claimSql = claimDatabase.sql
  await ensureBands(sql, bands)
  const signals = await openSignals({ sql, listenUrl: config.databaseDirectUrl, log: scope('signals') })
  const engine = await openEngine(config, scope('queue'))
  const tracing = await openTracing({ ...config.tracing, serviceName: 'longshore-worker' }, scope('tracing'))
  const dispatcher = createDispatcher({ sql, engine, tracing, log: scope('tasks') })
  const readVariable = (name: string): string | undefined => env[name]
  const pools = await openPools(sql, { ...config.storage, dataDir: config.dataDir, readVariable }, scope('storage'))
  const tools = await openTools(config, { searchPath: env['PATH'] ?? '', log: scope('convert') })
  const jobs = builtInJobs({ sql, pools, log: scope('uploads'), ...tools })
  const registry = registerJobs(jobs, await loadTaskModules(config.tasks.modules))
  const ledger = { sql, signals, registry, dispatcher, tracing, taskLimits: config.tasks }
  const { meters, serve } = await openMetrics(config)
  const verbs = { ...ledger, pools, engine, ...tools, meters, log: scope('tasks') }
  const claims = new Claims({ claimSql, signals, workerId, log: scope('tasks') })
  const rates = new BandRates()
  const settler = new Settler({ ...verbs, claimSql, rates, admit: dispatcher.admit })
  const run = { ...verbs, claims, settler, rates }

  const served = { bands: [...slots.keys()], types: [...registry.keys()], offers: offersOf(registry) }
  const worker = { id: workerId, concurrency, ...served }
  await noteWorker(sql, worker)
  const election = new Election({ sql, holder: workerId, log: scope('maintenance') })
  const maintenance = startMaintenance(
    [...ownChores(verbs, { worker, rates, election }), ...sweeps(verbs, config, election)],
    scope('maintenance'),
  )
  const notify = await startNotify({ ...verbs, election, log: scope('notify') }, config.notify)
  const following = followPools({ pools, signals, log: scope('storage') })
  const consumers = await Promise.all(
    [...slots].map(([band, count]) => engine.consume(band, count, (job) => runDelivery(run, job))),
  )
  const metrics = await serve()
  log.info({ workerId, slots: Object.fromEntries(slots), engine: engine.kind, metrics: metrics?.url }, 'working')

  return async () => {
    log.info('stopping')
    const timer = setTimeout(() => claims.shutDown(), graceMs)
    await atMost(graceMs + 1500, Promise.all([notify, ...consumers].map((one) => one.close())))
    clearTimeout(timer)
    claims.close()
    following.close()
    metrics?.close()
    await atMost(500, Promise.all([maintenance.close().then(() => dispatcher.idle()), election.leave()]))
    await forgetWorker(sql, workerId).catch((error: unknown) => log.warn({ err: error }, 'the ledger is away'))
    await atMost(1000, Promise.all([signals.close(), engine.close()]))
    await atMost(500, Promise.all([tools.close(), tracing.close()]))
    await Promise.all([database.close(1), claimDatabase.close(1)])
    log.info('stopped')
  }
})

/** What is counted for monitoring, and where it is told; nothing and nowhere without METRICS_TOKEN and METRICS_PORT. */
async function openMetrics({ host, metrics: { token, workerPort: port } }: Config) {
  if (token === undefined || port === undefined) return { meters: noMeters, serve: async () => undefined }
  const { openMeters } = await import('../src/metrics/prometheus.ts')
  const { meters, read } = openMeters()
  const serve = (): Promise<{ url: string; close: () => void }> =>
    serveMetrics({ token, host, port, read }).catch((cause: unknown) => {
      const why = systemCode(cause) ?? 'no reason given'
      throw new ConfigError([`METRICS_PORT: ${host}:${port} cannot be listened on (${why})`])
    })
  return { meters, serve }
}

/** A worker's connections to the ledger: enough for its tasks and a few for its chores. */
function openLedger({ databaseUrl, preparesStatements }: Config, concurrency: number): Database {
  const maxConnections = Math.min(concurrency, 16) + 4
  return openDatabase(databaseUrl, { name: 'worker', maxConnections, preparesStatements })
}

/**
 * Sessions in which groups of tasks are claimed, kept and completed, two for claims, two for completions, one for renewals. They have
 * settings of their own for looking rows up, which no transaction pooler takes. Throws ConfigError when one stands between.
 */
async function openClaimSessions({ databaseDirectUrl }: Config): Promise<Database> {
  const database = openDatabase(databaseDirectUrl, { name: 'claims', maxConnections: 5, looksUp: true })
  try {
    await pingDatabase(database.sql)
    return database
  } catch (error) {
    await database.close(0)
    if (!(error instanceof Error && error.message.startsWith('unsupported startup parameter'))) throw error
    throw new ConfigError([
      'DATABASE_DIRECT_URL: must lead to Postgres itself; where DATABASE_URL leads there is a pooler',
    ])
  }
}

/** What work is done with beside pools: threads, commands where there are any, and ways to notify people. */
async function openTools(config: Config, { searchPath, log }: ToolOptions) {
  const scratchParent = await makeScratchParent(config.dataDir)
  const threads = Math.min(4, availableParallelism())
  const crypt = openCryptThreads(threads)
  const deflater = openDeflateThreads(threads)
  return {
    scratchParent,
    sealer: createSealer(config.secretsKeys),
    crypt,
    archiveTools: { deflater, zstd: await findZstd(), ...config.archives },
    conversion: await openConversion(config, { scratchParent, searchPath }, log),
    notifiers: await openNotifiers(config.notify),
    close: () => Promise.all([crypt.close(), deflater.close()]),
  }
}

type ToolOptions = { searchPath: string; log: Log }
