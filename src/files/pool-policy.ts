import type { Identity } from '../auth/verify.ts'
import { poolPolicy, type PoolPolicy } from '../contract/pool.ts'
import { findPool, type PoolRow } from '../db/pools.ts'
import type { Query } from '../db/connect.ts'
import { AppError } from '../errors.ts'
import { everyPermission } from '../tasks/permissions.ts'
import { ageType, areBytesAccepted, isAge, isClaimAccepted } from './accept-bytes.ts'
import { unknownType } from './content-type.ts'

/** Who brings something into a pool. */
export type PoolUser = { accountId: string; permissions: readonly string[]; isAdmin: boolean }

/** Whoever calls, as pools look at him. */
export function poolUserOf({
  account: accountId,
  permissions,
  admin: isAdmin,
}: Pick<Identity, 'account' | 'permissions' | 'admin'>): PoolUser {
  return { accountId, permissions, isAdmin }
}

/** Whoever created a task, as pools look at him while it runs. */
export function taskUser({ accountId, permissions }: { accountId: string; permissions: readonly string[] }): PoolUser {
  return { accountId, permissions, isAdmin: permissions.includes(everyPermission) }
}

/** What is to become a file. Of what is encrypted on its way in: as it is before that. */
export type NewContent = { contentType: string; sizeBytes: number | undefined; isEncrypted: boolean }

/** What is stored of a pool's policy. Throws INTERNAL for what this release does not know: nothing is let in by guess. */
export function policyOf(pool: Pick<PoolRow, 'id' | 'policy'>): PoolPolicy {
  const parsed = poolPolicy.safeParse(pool.policy)
  if (parsed.success) return parsed.data
  throw new AppError('INTERNAL', `The policy of pool ${pool.id} cannot be read.`, { cause: parsed.error })
}

/** Whether somebody may put something into a pool, as far as it is about him. */
export function mayUse({ allowedAccounts, permission }: PoolPolicy, user: PoolUser): boolean {
  if (user.isAdmin || (allowedAccounts === undefined && permission === undefined)) return true
  return (
    (allowedAccounts?.includes(user.accountId) ?? false) ||
    (permission !== undefined && user.permissions.includes(permission))
  )
}

/**
 * The policy of a pool that somebody may put new files into now. With `lock` nobody changes the pool before the transaction ends.
 * Throws POOL_NOT_FOUND, also for a pool that is not for him, and POOL_DISABLED.
 */
export async function requirePool(
  query: Query,
  poolId: string,
  user: PoolUser,
  { lock }: { lock: boolean },
): Promise<PoolPolicy> {
  const pool = await findPool(query, poolId, { lock: lock ? 'use' : undefined })
  const policy = pool && policyOf(pool)
  if (!pool || !policy || !mayUse(policy, user)) throw poolNotFound(poolId)
  if (pool.disabledAt !== null) {
    throw new AppError('POOL_DISABLED', 'The pool takes no new files at the moment.', { details: { poolId } })
  }
  return policy
}

export function poolNotFound(poolId: string): AppError {
  return new AppError('POOL_NOT_FOUND', 'There is no such pool.', { details: { poolId } })
}

/**
 * Judges what is said of a new file before there is a byte of it. Throws FILE_TOO_LARGE, TYPE_NOT_ACCEPTED, ENCRYPTION_REQUIRED,
 * ENCRYPTION_REFUSED.
 */
export function requireContent(policy: PoolPolicy, { contentType, sizeBytes, isEncrypted }: NewContent): void {
  if (sizeBytes !== undefined) requireSize(policy, sizeBytes)
  const { acceptedTypes, encryption } = policy
  if (acceptedTypes && !isClaimAccepted(acceptedTypes, contentType)) throw typeNotAccepted(acceptedTypes, contentType)
  if (encryption === 'refused' && isEncrypted) {
    throw new AppError('ENCRYPTION_REFUSED', 'The pool takes nothing that is encrypted on its way in.')
  }
  const couldBeAge = [ageType, unknownType].includes(contentType.toLowerCase())
  if (encryption === 'required' && !isEncrypted && !couldBeAge) throw encryptionRequired()
}

/** Throws FILE_TOO_LARGE. */
export function requireSize({ maxFileSize }: PoolPolicy, sizeBytes: number): void {
  if (maxFileSize === undefined || sizeBytes <= maxFileSize) return
  throw new AppError('FILE_TOO_LARGE', `The pool takes files of at most ${maxFileSize} bytes.`, {
    details: { field: 'fileSize', fileSize: sizeBytes, maxFileSize },
  })
}

/** Whether the bytes of a file have a say in whether a pool takes it. */
export function asksForBytes({ acceptedTypes, encryption }: PoolPolicy): boolean {
  return acceptedTypes !== undefined || encryption === 'required'
}

/** Judges a new file by its first bytes, whatever was said of it. Throws TYPE_NOT_ACCEPTED, ENCRYPTION_REQUIRED. */
export async function requireBytes(
  { acceptedTypes, encryption }: PoolPolicy,
  { contentType, isEncrypted }: Omit<NewContent, 'sizeBytes'>,
  head: Buffer,
): Promise<void> {
  if (encryption === 'required' && !isEncrypted && !isAge(head)) throw encryptionRequired()
  if (!acceptedTypes) return
  const { isAccepted, detectedType } = await areBytesAccepted(acceptedTypes, contentType, head)
  if (!isAccepted) throw typeNotAccepted(acceptedTypes, contentType, detectedType ?? null)
}

function typeNotAccepted(
  acceptedTypes: readonly string[],
  contentType: string,
  detectedType?: string | null,
): AppError {
  const what = detectedType === undefined ? `What is called ${contentType}` : `What has these bytes`
  return new AppError('TYPE_NOT_ACCEPTED', `${what} is not among the types that the pool accepts.`, {
    details: { contentType, ...(detectedType === undefined ? {} : { detectedType }), acceptedTypes },
  })
}

function encryptionRequired(): AppError {
  return new AppError('ENCRYPTION_REQUIRED', 'The pool takes only what is encrypted: with a password, or age files.')
}
