import { join } from 'node:path'
import { AppError } from '../errors.ts'
import type { Sql } from '../db/connect.ts'
import { declarePool, ensurePool, findPool, listPools, type PoolRow } from '../db/pools.ts'
import type { Storage } from '../storage/contract.ts'
import { observed } from '../storage/observed.ts'
import { checkSettings, type OpenOptions, openStorage } from '../storage/open.ts'
import type { Log } from '../log.ts'
import { PoolChecks, type PoolHealth } from './pool-checks.ts'
import type { QuotaRules } from './quota.ts'

/** The pools of the ledger, each opened once. */
export type Pools = {
  defaultId: string
  quota: QuotaRules
  /** Throws POOL_NOT_FOUND. */
  open: (poolId: string) => Promise<Storage>
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
  declared: readonly PoolRow[]
}

/**
 * Takes declared pools into the ledger, makes the default one below the data folder unless there is one, and opens it; the
 * others are opened when they are asked for. What is wrong with any of them is logged; only a declaration that cannot be,
 * and a default pool that cannot be opened, are errors.
 */
export async function openPools(sql: Sql, settings: PoolSettings, log: Log): Promise<Pools> {
  const opened = new Map<string, Promise<Storage>>()

  const failedIn = new WeakMap<Error, string>()
  const note = (poolId: string) => (error: unknown) => {
    if (error instanceof AppError && error.code === 'STORAGE_UNAVAILABLE') failedIn.set(error, poolId)
  }

  const open = (poolId: string): Promise<Storage> => {
    const known = opened.get(poolId)
    if (known) return known
    const opening = openPool(poolId)
    opened.set(poolId, opening)
    // A pool that cannot be opened now may be there the next time.
    opening.catch((error: unknown) => {
      note(poolId)(error)
      opened.delete(poolId)
    })
    return opening
  }

  const openPool = async (poolId: string): Promise<Storage> => {
    const pool = await findPool(sql, poolId)
    if (!pool) throw new AppError('POOL_NOT_FOUND', 'There is no such pool.', { details: { poolId } })
    const uploadsPath = poolId === settings.defaultPoolId ? settings.uploadsPath : undefined
    return observed(await openStorage(pool, { ...settings, uploadsPath, log }), note(poolId))
  }

  const checks = new PoolChecks(async (poolId) => {
    const storage = await open(poolId)
    await storage.probe()
    return storage.freeBytes()
  }, log)

  const outageOf: Pools['outageOf'] = async (error) => {
    const poolId = poolOf(error, failedIn)
    const pool = poolId === undefined ? undefined : await findPool(sql, poolId)
    const lastsMs = pool && (await checks.failingForMs(pool))
    return pool && lastsMs !== undefined ? { poolId: pool.id, lastsMs } : undefined
  }

  for (const pool of settings.declared) await addPool(sql, pool)
  await ensurePool(sql, {
    id: settings.defaultPoolId,
    name: 'default',
    kind: 'local',
    settings: { path: join('pools', settings.defaultPoolId) },
  })
  await open(settings.defaultPoolId)
  const check = async () => Promise.all((await listPools(sql)).map((pool) => checks.check(pool)))
  void check().catch((error: unknown) => log.warn({ err: error }, 'the storage pools could not be looked at'))
  return { defaultId: settings.defaultPoolId, quota: settings.quota, open, check, outageOf }
}

/**
 * Adds a pool to the ledger, or gives the one with its id this name and these settings. Throws VALIDATION_FAILED, naming each
 * wrong field, and POOL_KIND when the id belongs to a pool of another kind.
 */
export async function addPool(sql: Sql, pool: PoolRow): Promise<void> {
  checkSettings(pool)
  if (await declarePool(sql, pool)) return
  const message = `Pool ${pool.id} is of another kind: give a ${pool.kind} pool an id of its own.`
  throw new AppError('POOL_KIND', message, { details: { poolId: pool.id } })
}

function poolOf(error: unknown, failedIn: WeakMap<Error, string>): string | undefined {
  if (!(error instanceof Error)) return undefined
  return failedIn.get(error) ?? poolOf(error.cause, failedIn)
}
