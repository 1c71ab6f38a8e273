import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { AdminPoolView, ChangePoolRequest, CreatePoolRequest, PoolView } from '../contract/pool.ts'
import { type Query, type Sql, transact } from '../db/connect.ts'
import {
  findContents,
  findPool,
  insertPool,
  listPools,
  lockPools,
  markDeleted,
  type PoolContents,
  type PoolPlace,
  type PoolRow,
  setDisabled,
  updatePool,
} from '../db/pools.ts'
import type { Signals } from '../db/signals.ts'
import { AppError } from '../errors.ts'
import { checkSettings } from '../storage/open.ts'
import { notForDelegates, overlap, placeOf } from '../storage/place.ts'
import { createdGone, earlierAnswer, type KeyedRequest, keepForRepetition } from '../tasks/idempotency.ts'
import { mayUse, policyOf, poolNotFound, type PoolUser } from './pool-policy.ts'
import type { Pools } from './pools.ts'

export type ManageDeps = { sql: Sql; pools: Pools; signals: Pick<Signals, 'send'> }

/** The pools that somebody may put files into, and those that take none at the moment. */
export async function listUsablePools(
  { sql, pools }: Omit<ManageDeps, 'signals'>,
  user: PoolUser,
): Promise<PoolView[]> {
  const rows = await listPools(sql)
  return rows.filter((row) => mayUse(policyOf(row), user)).map((row) => present(row, pools.defaultId))
}

/** Throws POOL_NOT_FOUND, also for a pool that is not for him. */
export async function showUsablePool(
  { sql, pools }: Omit<ManageDeps, 'signals'>,
  poolId: string,
  user: PoolUser,
): Promise<PoolView> {
  const row = await findPool(sql, poolId)
  if (!row || !mayUse(policyOf(row), user)) throw poolNotFound(poolId)
  return present(row, pools.defaultId)
}

function present(row: PoolRow, defaultId: string): PoolView {
  const { maxFileSize, acceptedTypes, encryption, defaultExpirySeconds, directUpload, instantAcrossAccounts } =
    policyOf(row)
  return {
    id: row.id,
    name: row.name,
    isDefault: row.id === defaultId,
    disabled: row.disabledAt !== null,
    maxFileSize: maxFileSize ?? null,
    acceptedTypes: acceptedTypes ?? null,
    encryption: encryption ?? 'allowed',
    defaultExpirySeconds: defaultExpirySeconds ?? null,
    directUpload: directUpload ?? true,
    instantAcrossAccounts: instantAcrossAccounts ?? false,
    costMultiplier: row.costMultiplier,
  }
}

/** Every pool, with what is in it. */
export async function listAllPools({ sql, pools }: Omit<ManageDeps, 'signals'>): Promise<AdminPoolView[]> {
  const [rows, contents] = await Promise.all([listPools(sql), findContents(sql)])
  return rows.map((row) => presentWhole(row, contents.get(row.id), pools))
}

/** Throws POOL_NOT_FOUND. */
export async function showPool({ sql, pools }: Omit<ManageDeps, 'signals'>, poolId: string): Promise<AdminPoolView> {
  const row = await findPool(sql, poolId)
  if (!row) throw poolNotFound(poolId)
  return presentWhole(row, (await findContents(sql, poolId)).get(poolId), pools)
}

function presentWhole(row: PoolRow, contents: PoolContents | undefined, pools: Pools): AdminPoolView {
  const { id, name, kind, settings, costMultiplier, disabledAt, createdAt, updatedAt } = row
  return {
    id,
    name,
    kind,
    settings,
    policy: policyOf(row),
    costMultiplier,
    isDefault: id === pools.defaultId,
    isDeclared: pools.declaredIds.has(id),
    disabledAt: disabledAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
    filesCount: contents?.filesCount ?? 0,
    usedBytes: contents?.usedBytes ?? 0,
    uploadsCount: contents?.uploadsCount ?? 0,
    outputsCount: contents?.outputsCount ?? 0,
  }
}

/**
 * Adds a pool that can be read and written from here. A repetition with the same Idempotency-Key answers that of the first
 * time, as it is now. Throws VALIDATION_FAILED, POOL_UNUSABLE, POOL_OVERLAPS, IDEMPOTENCY_KEY_REUSED, CREATED_GONE.
 */
export async function createPool(
  deps: ManageDeps,
  request: CreatePoolRequest,
  keyed: KeyedRequest | undefined,
): Promise<AdminPoolView> {
  const earlier = keyed && (await earlierPool(deps, keyed))
  if (earlier) return earlier
  const pool = { id: randomUUID(), ...request }
  await requireGround(deps, pool)
  const written = await transact(deps.sql, async (query) => {
    if (keyed && !(await keepForRepetition(query, keyed, pool.id))) return false
    await requireOwnPlace(query, deps, pool)
    await insertPool(query, pool)
    return true
  })
  if (!written && keyed) return (await earlierPool(deps, keyed)) ?? createPool(deps, request, keyed)
  return told(deps, pool.id)
}

async function earlierPool(deps: ManageDeps, keyed: KeyedRequest): Promise<AdminPoolView | undefined> {
  const answer = await earlierAnswer(deps.sql, keyed)
  if (answer === undefined) return undefined
  const poolId = z.string().parse(answer)
  if (!(await findPool(deps.sql, poolId))) throw createdGone({ poolId })
  return showPool(deps, poolId)
}

/**
 * Changes what is given, and leaves the rest. Where its bytes lie is changed only while it is disabled and nothing is on its
 * way there. Throws POOL_NOT_FOUND, POOL_DECLARED, POOL_IN_USE, and as `createPool`.
 */
export async function changePool(deps: ManageDeps, poolId: string, changes: ChangePoolRequest): Promise<AdminPoolView> {
  const { sql, pools } = deps
  const isAboutPlace = changes.name !== undefined || changes.settings !== undefined
  if (isAboutPlace && pools.declaredIds.has(poolId)) throw declared(poolId)
  if (changes.settings !== undefined) {
    const former = await findPool(sql, poolId)
    if (!former) throw poolNotFound(poolId)
    await requireGround(deps, { ...former, settings: changes.settings })
  }
  await transact(sql, async (query) => {
    // Pools first and then the one, as whoever adds a pool does.
    if (changes.settings !== undefined) await lockPools(query)
    const former = await findPool(query, poolId, { lock: 'change' })
    if (!former) throw poolNotFound(poolId)
    const next = { ...former, ...given(changes), policy: changedPolicy(former, changes) }
    if (placeOf(former, pools.ground.dataDir) !== placeOf(next, pools.ground.dataDir)) {
      await requireIdle(query, former)
      await requireOwnPlace(query, deps, next)
    }
    await updatePool(query, next)
  })
  return told(deps, poolId)
}

function given({ name, settings, costMultiplier }: ChangePoolRequest): Partial<PoolRow> {
  return {
    ...(name === undefined ? {} : { name }),
    ...(settings === undefined ? {} : { settings }),
    ...(costMultiplier === undefined ? {} : { costMultiplier }),
  }
}

function changedPolicy(former: PoolRow, { policy = {} }: ChangePoolRequest): Record<string, unknown> {
  const all = { ...policyOf(former), ...policy }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null && value !== undefined))
}

/** Has a pool take no new files, or take them again. Doing it twice changes nothing. Throws POOL_NOT_FOUND. */
export async function switchPool(deps: ManageDeps, poolId: string, isDisabled: boolean): Promise<AdminPoolView> {
  await transact(deps.sql, async (query) => {
    if (!(await findPool(query, poolId, { lock: 'change' }))) throw poolNotFound(poolId)
    await setDisabled(query, poolId, isDisabled)
  })
  return told(deps, poolId)
}

/**
 * Takes away a pool in which there is nothing, and to which nothing is on its way. Throws POOL_NOT_FOUND, POOL_DECLARED,
 * POOL_NOT_EMPTY.
 */
export async function removePool(deps: ManageDeps, poolId: string): Promise<void> {
  const { sql, pools } = deps
  if (pools.declaredIds.has(poolId) || poolId === pools.defaultId) throw declared(poolId)
  await transact(sql, async (query) => {
    if (!(await findPool(query, poolId, { lock: 'change' }))) throw poolNotFound(poolId)
    const contents = (await findContents(query, poolId)).get(poolId)
    if (!contents || contents.hasObjects || contents.uploadsCount + contents.outputsCount > 0) {
      const message = 'The pool is not empty: bytes stay for a while after their files are gone.'
      throw new AppError('POOL_NOT_EMPTY', message, { details: { poolId, ...contents } })
    }
    await markDeleted(query, poolId)
  })
  await tell(deps)
}

async function told(deps: ManageDeps, poolId: string): Promise<AdminPoolView> {
  await tell(deps)
  return showPool(deps, poolId)
}

/** This process knows before it answers, the others a moment later. */
async function tell({ pools, signals }: ManageDeps): Promise<void> {
  signals.send({ kind: 'pools' })
  await pools.refresh()
}

function declared(poolId: string): AppError {
  const message =
    'The pool is one of the settings STORAGE_POOLS and STORAGE_PREFERRED_REMOTE, and can be changed there alone.'
  return new AppError('POOL_DECLARED', message, { details: { poolId } })
}

/** Throws VALIDATION_FAILED and POOL_UNUSABLE. */
async function requireGround({ pools }: ManageDeps, pool: PoolPlace): Promise<void> {
  checkSettings(pool)
  const errors = notForDelegates(pool, pools.ground)
  if (errors.length > 0) throw new AppError('VALIDATION_FAILED', 'The pool is not valid.', { details: { errors } })
  const problem = await pools.tryOut(pool)
  if (problem === undefined) return
  throw new AppError('POOL_UNUSABLE', 'The pool cannot be read and written by what is said of it.', {
    details: { problem },
  })
}

/** Throws POOL_OVERLAPS. Nobody else adds or moves a pool before the transaction ends. */
async function requireOwnPlace(query: Query, { pools }: ManageDeps, pool: PoolPlace): Promise<void> {
  await lockPools(query)
  for (const other of await listPools(query)) {
    if (other.id === pool.id || !overlap(pool, other, pools.ground.dataDir)) continue
    throw new AppError('POOL_OVERLAPS', 'Another pool lies in the same place, around it or in it.', {
      details: { poolId: other.id },
    })
  }
}

/** Throws POOL_IN_USE. */
async function requireIdle(query: Query, { id: poolId, disabledAt }: PoolRow): Promise<void> {
  const contents = (await findContents(query, poolId)).get(poolId)
  const { uploadsCount = 0, outputsCount = 0 } = contents ?? {}
  if (disabledAt !== null && uploadsCount + outputsCount === 0) return
  const message = 'Where a pool lies can be changed only while it is disabled and nothing is on its way there.'
  throw new AppError('POOL_IN_USE', message, {
    details: { poolId, isDisabled: disabledAt !== null, uploadsCount, outputsCount },
  })
}
