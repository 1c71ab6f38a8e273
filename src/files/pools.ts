import { join, resolve } from 'node:path'
import { AppError } from '../errors.ts'
import type { Sql } from '../db/connect.ts'
import { declarePool, type DeclaredPool, ensurePool, findPool, listPools, type PoolPlace } from '../db/pools.ts'
import type { Storage } from '../storage/contract.ts'
import type { PoolProblem } from '../storage/failure.ts'
import { observed } from '../storage/observed.ts'
import { checkSettings, type OpenOptions, openStorage } from '../storage/open.ts'
import type { Log } from '../log.ts'
import { KnownPools, type Known } from './known-pools.ts'
import { PoolChecks, type PoolHealth, problemOf } from './pool-checks.ts'
import type { QuotaRules } from './quota.ts'

/** The pools of the ledger, each opened once. */
export type Pools = {
  defaultId: string
  quota: QuotaRules
  /** By the settings of the processes, and so not to be moved or deleted by anybody else. */
  declaredIds: ReadonlySet<string>
  /** Where pools may lie that are made over the API: `dataDir` is where relative paths begin. */
  ground: { dataDir: string; localRoots: readonly string[] }
  /** Throws POOL_NOT_FOUND. */
  open: (poolId: string) => Promise<Storage>
  /** What is known of a pool without asking the ledger, as of the last seconds. */
  peek: (poolId: string) => Known | undefined
  /** Looks again which pools there are and where they lie; those that changed are opened anew when they are asked for. */
  refresh: () => Promise<void>
  /** What is wrong with a pool that may not be in the ledger; undefined when it can be read and written. */
  tryOut: (pool: PoolPlace) => Promise<PoolProblem | undefined>
  /** Whether every pool can be read and written, as was found within the last seconds. Fails only with the ledger. */
  check: () => Promise<PoolHealth[]>
  /**
   * Says of an error whether it came of a pool that cannot be used now, and then for how long that is known. Undefined for
   * any other error, and when the pool can be used by now.
   */
  outageOf: (error: unknown) => Promise<{ poolId: string; lastsMs: number } | undefined>
}

export type PoolSettings = Pick<OpenOptions, 'dataDir' | 'uploadsPath' | 'readVariable'> & {
  defaultPoolId: string
  quota: QuotaRules
  /** Pools that the operator declared: they are added to the ledger, or changed to what is said here. */
  declared: readonly DeclaredPool[]
  /** Folders, beside the one of this process's own, below which administrators may have pools. */
  localRoots?: readonly string[]
}

/**
 * Takes declared pools into the ledger, makes the default one below the data folder unless there is one, and opens it; the
 * others are opened when they are asked for. What is wrong with any of them is logged; only a declaration that cannot be,
 * and a default pool that cannot be opened, are errors.
 */
export async function openPools(sql: Sql, settings: PoolSettings, log: Log): Promise<Pools> {
  await declareAll(sql, settings)
  const pools = poolsOf(sql, settings, log)
  await pools.refresh()
  await pools.open(pools.defaultId)
  void pools.check().catch((error: unknown) => log.warn({ err: error }, 'the storage pools could not be looked at'))
  return pools
}

/** The pools that are in the ledger, each opened when it is asked for. Changes nothing there. */
export function poolsOf(sql: Sql, settings: PoolSettings, log: Log): Pools {
  const { defaultPoolId: defaultId, dataDir, quota, declared } = settings
  const failedIn = new WeakMap<Error, string>()
  const note = (poolId: string) => (error: unknown) => {
    if (error instanceof AppError && error.code === 'STORAGE_UNAVAILABLE') failedIn.set(error, poolId)
  }

  const openPlace = (pool: PoolPlace): Promise<Storage> => {
    const uploadsPath = pool.id === defaultId ? settings.uploadsPath : undefined
    return openStorage(pool, { ...settings, uploadsPath, log })
  }

  const known = new KnownPools(
    (poolId) => findPool(sql, poolId),
    async (pool) => observed(await openPlace(pool), note(pool.id)),
  )

  const open = (poolId: string): Promise<Storage> => {
    const opening = known.open(poolId)
    opening.catch(note(poolId))
    return opening
  }

  const checks = new PoolChecks(async (poolId) => probe(await open(poolId)), log)

  const outageOf: Pools['outageOf'] = async (error) => {
    const poolId = poolOf(error, failedIn)
    const pool = poolId === undefined ? undefined : await findPool(sql, poolId)
    const lastsMs = pool && (await checks.failingForMs(pool))
    return pool && lastsMs !== undefined ? { poolId: pool.id, lastsMs } : undefined
  }

  const refresh = async (): Promise<void> => {
    for (const poolId of await known.replace(await listPools(sql))) checks.forget(poolId)
  }

  return {
    defaultId,
    quota,
    declaredIds: new Set(declared.map(({ id }) => id)),
    ground: { dataDir, localRoots: [resolve(dataDir, 'pools'), ...(settings.localRoots ?? [])] },
    open,
    peek: (poolId) => known.peek(poolId),
    refresh,
    tryOut: (pool) => problemIn(openPlace(pool).then(probe)),
    check: async () => Promise.all((await listPools(sql)).map((pool) => checks.check(pool))),
    outageOf,
  }
}

async function declareAll(sql: Sql, { declared, defaultPoolId: id }: PoolSettings): Promise<void> {
  for (const pool of declared) await addPool(sql, pool)
  await ensurePool(sql, { id, name: 'default', kind: 'local', settings: { path: join('pools', id) } })
}

async function probe(storage: Storage): Promise<number | undefined> {
  await storage.probe()
  return storage.freeBytes()
}

async function problemIn(trial: Promise<unknown>): Promise<PoolProblem | undefined> {
  try {
    await trial
    return undefined
  } catch (error) {
    return problemOf(error)
  }
}

/**
 * Adds a pool to the ledger, or gives the one with its id what is declared of it. Throws VALIDATION_FAILED, naming each wrong
 * field, and POOL_KIND when the id belongs to a pool of another kind.
 */
export async function addPool(sql: Sql, pool: DeclaredPool): Promise<void> {
  checkSettings(pool)
  if (await declarePool(sql, pool)) return
  const message = `Pool ${pool.id} is of another kind: give a ${pool.kind} pool an id of its own.`
  throw new AppError('POOL_KIND', message, { details: { poolId: pool.id } })
}

function poolOf(error: unknown, failedIn: WeakMap<Error, string>): string | undefined {
  if (!(error instanceof Error)) return undefined
  return failedIn.get(error) ?? poolOf(error.cause, failedIn)
}
