import { join } from 'node:path'
import { AppError } from '../errors.ts'
import type { Sql } from '../db/connect.ts'
import { ensurePool, findPool } from '../db/pools.ts'
import type { Storage } from '../storage/contract.ts'
import { openStorage } from '../storage/open.ts'
import type { Log } from '../log.ts'

/** The pools of the ledger, each opened once. */
export type Pools = {
  defaultId: string
  /** Throws POOL_NOT_FOUND. */
  open: (poolId: string) => Promise<Storage>
}

export type PoolSettings = { defaultPoolId: string; dataDir: string; uploadsPath: string | undefined }

/** Opens the default pool, made below the data folder on the first start; the others when they are asked for. */
export async function openPools(sql: Sql, settings: PoolSettings, log: Log): Promise<Pools> {
  const opened = new Map<string, Promise<Storage>>()

  const open = (poolId: string): Promise<Storage> => {
    const known = opened.get(poolId)
    if (known) return known
    const opening = openPool(poolId)
    opened.set(poolId, opening)
    // A pool that cannot be opened now may be there the next time.
    opening.catch(() => opened.delete(poolId))
    return opening
  }

  const openPool = async (poolId: string): Promise<Storage> => {
    const pool = await findPool(sql, poolId)
    if (!pool) throw new AppError('POOL_NOT_FOUND', 'There is no such pool.', { details: { poolId } })
    const uploadsPath = poolId === settings.defaultPoolId ? settings.uploadsPath : undefined
    return openStorage(pool, { dataDir: settings.dataDir, uploadsPath, log })
  }

  await ensurePool(sql, {
    id: settings.defaultPoolId,
    name: 'default',
    kind: 'local',
    settings: { path: join('pools', settings.defaultPoolId) },
  })
  await open(settings.defaultPoolId)
  return { defaultId: settings.defaultPoolId, open }
}
