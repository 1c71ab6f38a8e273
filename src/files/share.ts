import { createHash, randomBytes } from 'node:crypto'
import { isPasscode } from '../auth/passcode.ts'
import { type SharedBundleView, type SharedFileView, slug as slugSchema } from '../contract/bundle.ts'
import { countAttempt, forgetAttempts } from '../db/attempts.ts'
import { type BundleRow, findSharedBundle, grantAccess, hasAccess } from '../db/bundles.ts'
import type { Sql } from '../db/connect.ts'
import { listFiles } from '../db/file-lists.ts'
import { type FileRow, findFile } from '../db/files.ts'
import { AppError } from '../errors.ts'
import { fileNotFound } from './get.ts'

const accessMs = 3_600_000
const attemptsWindowMs = 15 * 60_000

/**
 * Lets somebody read a shared bundle for an hour who knows its passcode. Tries are counted before they are looked at. Throws
 * PASSCODE_WRONG, TOO_MANY_ATTEMPTS.
 */
export async function openShare(
  sql: Sql,
  bundle: BundleRow,
  { passcode, address, tries }: { passcode: string; address: string; tries: { perAddress: number; inAll: number } },
): Promise<{ accessToken: string; expiresAt: Date }> {
  const own = { scope: 'passcode', subject: `${bundle.id} ${address}` }
  await countOrRefuse(sql, own, tries.perAddress)
  await countOrRefuse(sql, { scope: 'passcode', subject: bundle.id }, tries.inAll)
  if (bundle.passcodeHash !== null && !(await isPasscode(passcode, bundle.passcodeHash))) {
    throw new AppError('PASSCODE_WRONG', 'This is not the passcode.')
  }
  await forgetAttempts(sql, own)
  const accessToken = randomBytes(24).toString('base64url')
  const expiresAt = await grantAccess(sql, { bundleId: bundle.id, tokenSha256: sumOf(accessToken) }, accessMs)
  return { accessToken, expiresAt }
}

async function countOrRefuse(sql: Sql, attempted: { scope: string; subject: string }, most: number): Promise<void> {
  const { count, secondsLeft } = await countAttempt(sql, attempted, attemptsWindowMs)
  if (count <= most) return
  throw new AppError('TOO_MANY_ATTEMPTS', 'The passcode was tried too often; try again later.', {
    retryAfterSeconds: Math.max(1, secondsLeft),
  })
}

/** Throws PASSCODE_REQUIRED unless a shared bundle may be read with this token. */
export async function requireAccess(sql: Sql, bundle: BundleRow, accessToken: string | undefined): Promise<void> {
  if (bundle.passcodeHash === null) return
  if (accessToken !== undefined && (await hasAccess(sql, bundle.id, sumOf(accessToken)))) return
  throw new AppError(
    'PASSCODE_REQUIRED',
    'This needs a passcode: POST it to …/access first, and bring the token you get.',
  )
}

/** A page of what lies in a shared bundle, the newest first. */
export async function listShared(
  sql: Sql,
  { id, accountId }: BundleRow,
  page: { offset: number; limit: number },
): Promise<{ files: FileRow[]; total: number }> {
  const order = { state: 'live', sortBy: 'createdAt', sortDescending: true } as const
  return listFiles(sql, { accountId, bundleId: id }, { ...order, ...page })
}

/** A file in a shared bundle. Throws FILE_NOT_FOUND, also for a file that lies elsewhere. */
export async function getShared(sql: Sql, bundle: BundleRow, fileId: string): Promise<FileRow> {
  const file = await findFile(sql, { id: fileId, accountId: bundle.accountId })
  if (file?.bundleId !== bundle.id) throw fileNotFound(fileId)
  return file
}

/** A bundle that is shared under a slug. Throws SHARE_NOT_FOUND, SHARE_EXPIRED. */
export async function findShare(sql: Sql, slug: string): Promise<BundleRow> {
  // What is no slug names nothing; some of it the ledger could not even be asked for.
  const bundle = slugSchema.safeParse(slug).success ? await findSharedBundle(sql, slug) : undefined
  if (!bundle) throw new AppError('SHARE_NOT_FOUND', 'Nothing is shared here.')
  if (bundle.expiredAt !== null && bundle.expiredAt.getTime() <= Date.now()) {
    throw new AppError('SHARE_EXPIRED', 'This is not shared any more.')
  }
  return bundle
}

function sumOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** A shared bundle as everybody sees it. */
export function presentShare(bundle: BundleRow): SharedBundleView {
  const { name, description, slug, expiredAt, filesCount, sizeBytes } = bundle
  return { name, description, slug: slug ?? '', expiredAt: expiredAt?.toISOString() ?? null, filesCount, sizeBytes }
}

/** A file of it. */
export function presentSharedFile({ id, name, sizeBytes, contentType, sha256, createdAt }: FileRow): SharedFileView {
  return { id, name, size: sizeBytes, contentType, hash: sha256.toString('hex'), createdAt: createdAt.toISOString() }
}
