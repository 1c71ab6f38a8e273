import { createHash, randomBytes, randomUUID } from 'node:crypto'
import type { Authenticate, Identity, UploadGrant } from '../auth/verify.ts'
import type { CreatedUploadToken, CreateUploadTokenRequest, UploadTokenView } from '../contract/token.ts'
import type { Query, Sql } from '../db/connect.ts'
import { ownsBundle } from '../db/pools.ts'
import {
  deleteUploadToken,
  findUploadToken,
  insertUploadToken,
  isUploadInBundle,
  takeTokenBytes,
  type UploadTokenRow,
} from '../db/upload-tokens.ts'
import { AppError } from '../errors.ts'
import { uploadNotFound } from './plan-cache.ts'
import { requireUpload, type Wanted } from './show.ts'

/** Sets them apart from JWTs, and lets scanners of leaked secrets know them. */
const prefix = 'lsu_'
const secretBytes = 32

/**
 * Makes a token for one upload or one bundle of whoever calls. Throws TASK_NOT_FOUND, UPLOAD_ENDED, BUNDLE_NOT_FOUND,
 * TOKEN_LIMIT.
 */
export async function createUploadToken(
  sql: Sql,
  { account: accountId, permissions }: Pick<Identity, 'account' | 'permissions'>,
  request: CreateUploadTokenRequest,
  mostPerAccount: number,
): Promise<CreatedUploadToken> {
  const { taskId = null, bundleId = null, maxBytes = null, expiresInMinutes } = request
  if (taskId !== null) await requireOpen(sql, { taskId, accountId })
  if (bundleId !== null && !(await ownsBundle(sql, { id: bundleId, accountId }))) {
    throw new AppError('BUNDLE_NOT_FOUND', 'There is no such bundle.', { details: { bundleId } })
  }
  const token = prefix + randomBytes(secretBytes).toString('base64url')
  const row = await insertUploadToken(
    sql,
    {
      id: randomUUID(),
      tokenSha256: sha256(token),
      accountId,
      permissions,
      taskId,
      bundleId,
      maxBytes,
      expiresInMs: expiresInMinutes * 60_000,
    },
    mostPerAccount,
  )
  if (row) return { ...presentUploadToken(row), token }
  throw new AppError('TOKEN_LIMIT', `An account may have ${mostPerAccount} upload tokens that have not expired.`, {
    details: { limit: mostPerAccount },
  })
}

async function requireOpen(sql: Sql, wanted: Wanted): Promise<void> {
  const { status, taskId } = await requireUpload(sql, wanted)
  if (status === 'InProgress' || status === 'Paused') return
  throw new AppError('UPLOAD_ENDED', `The upload has ended: it is ${status}.`, { details: { taskId, status } })
}

/** Takes a token back: it counts for nothing from now on. Throws TOKEN_NOT_FOUND. */
export async function revokeUploadToken(sql: Sql, wanted: { id: string; accountId: string }): Promise<void> {
  if (!(await deleteUploadToken(sql, wanted))) throw tokenNotFound(wanted.id)
}

export function tokenNotFound(tokenId: string): AppError {
  return new AppError('TOKEN_NOT_FOUND', 'There is no such upload token.', { details: { tokenId } })
}

export function presentUploadToken(row: UploadTokenRow): UploadTokenView {
  const { id, taskId, bundleId, maxBytes, usedBytes } = row
  const [expiresAt, createdAt] = [row.expiresAt.toISOString(), row.createdAt.toISOString()]
  return { id, taskId, bundleId, maxBytes, usedBytes, expiresAt, createdAt }
}

/** Knows upload tokens beside those that `authenticate` knows. They are asked for each time, so one that is revoked ends at once. */
export function knowingUploadTokens(authenticate: Authenticate, sql: Sql): Authenticate {
  return async (token) => {
    if (!token?.startsWith(prefix)) return authenticate(token)
    const row = await findUploadToken(sql, sha256(token))
    if (!row) throw new AppError('TOKEN_INVALID', 'The token is not valid.')
    if (row.isExpired) throw new AppError('TOKEN_EXPIRED', 'The token has expired.')
    return {
      account: row.accountId,
      admin: false,
      permissions: row.permissions,
      quotaBytes: undefined,
      scopes: undefined,
      expiresAt: row.expiresAt,
      upload: grantOf(row),
    }
  }
}

function grantOf({ id: tokenId, taskId, bundleId }: UploadTokenRow): UploadGrant {
  if (taskId !== null) return { tokenId, taskId, bundleId: null }
  if (bundleId !== null) return { tokenId, taskId: null, bundleId }
  throw new Error(`upload token ${tokenId} is for nothing`)
}

/** Throws TASK_NOT_FOUND for any upload but those that the token is for. */
export async function requireGranted(sql: Sql, wanted: Wanted, grant: UploadGrant | undefined): Promise<void> {
  if (!grant || grant.taskId === wanted.taskId) return
  const isGranted = grant.bundleId !== null && (await isUploadInBundle(sql, { ...wanted, bundleId: grant.bundleId }))
  if (!isGranted) throw uploadNotFound(wanted.taskId)
}

/** Takes the bytes of a new upload off what its token may begin. Throws TOKEN_SPENT, TOKEN_INVALID. */
export async function takeFromToken(query: Query, tokenId: string, sizeBytes: number): Promise<void> {
  const outcome = await takeTokenBytes(query, tokenId, sizeBytes)
  if (outcome === 'taken') return
  if (outcome === 'gone') throw new AppError('TOKEN_INVALID', 'The token is not valid any more.')
  const { maxBytes, usedBytes } = outcome
  throw new AppError('TOKEN_SPENT', `The token is for ${maxBytes} bytes, of which ${usedBytes} are used.`, {
    details: { maxBytes, usedBytes, requestedBytes: sizeBytes },
  })
}

function sha256(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
