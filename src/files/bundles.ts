import { randomBytes, randomUUID } from 'node:crypto'
import { hashPasscode } from '../auth/passcode.ts'
import type { BundleView, ChangeBundleRequest } from '../contract/bundle.ts'
import {
  type BundleFields,
  type BundleRow,
  deleteBundle,
  findBundle,
  hasFiles,
  insertBundle,
  revokeAccesses,
  updateBundle,
  type WantedBundle,
} from '../db/bundles.ts'
import { type Query, type Sql, transact } from '../db/connect.ts'
import { AppError, systemCode } from '../errors.ts'
import { createdGone, earlierAnswer, type KeyedRequest, keepForRepetition } from '../tasks/idempotency.ts'

type Creation = { accountId: string; request: ChangeBundleRequest & { name: string }; keyed: KeyedRequest | undefined }

/**
 * Creates a bundle. A repetition with the same Idempotency-Key answers that of the first time, as it is now. Throws
 * SLUG_TAKEN, IDEMPOTENCY_KEY_REUSED, CREATED_GONE.
 */
export async function createBundle(sql: Sql, creation: Creation): Promise<BundleRow> {
  const { accountId, request, keyed } = creation
  const earlier = keyed && (await earlierBundle(sql, keyed))
  if (earlier) return earlier
  const id = randomUUID()
  const fields = await changedFields(newBundle(request.name), request)
  const written = await transact(sql, async (query) => {
    if (keyed && !(await keepForRepetition(query, keyed, id))) return false
    if (!(await insertBundle(query, { id, accountId }, fields))) throw slugTaken(fields.slug)
    return true
  })
  if (!written && keyed) return (await earlierBundle(sql, keyed)) ?? createBundle(sql, creation)
  return getBundle(sql, { id, accountId })
}

/** Throws BUNDLE_NOT_FOUND, also for another account's bundle. */
export async function getBundle(
  query: Query,
  wanted: WantedBundle,
  options: { lock: boolean } = { lock: false },
): Promise<BundleRow> {
  const bundle = await findBundle(query, wanted, options)
  if (!bundle) throw bundleNotFound(wanted.id)
  return bundle
}

/**
 * Changes what is given and leaves the rest; answers the bundle as it is and as it was. Another passcode, or none, takes back every access that was granted. Throws
 * BUNDLE_NOT_FOUND, SLUG_TAKEN.
 */
export async function changeBundle(
  sql: Sql,
  wanted: WantedBundle,
  changes: ChangeBundleRequest,
): Promise<{ bundle: BundleRow; before: BundleRow }> {
  // The hash takes its time, in which no row should be held.
  const passcodeHash = typeof changes.passcode === 'string' ? await hashPasscode(changes.passcode) : undefined
  try {
    return await transact(sql, async (query) => {
      const before = await getBundle(query, wanted, { lock: true })
      await updateBundle(query, wanted.id, await changedFields(before, changes, passcodeHash))
      if (changes.passcode !== undefined) await revokeAccesses(query, wanted.id)
      return { bundle: await getBundle(query, wanted), before }
    })
  } catch (error) {
    if (systemCode(error) === uniqueViolation) throw slugTaken(changes.slug ?? null)
    throw error
  }
}

/**
 * Removes a bundle and answers it; its files stay, or go into the trash. Throws BUNDLE_NOT_FOUND, and BUNDLE_NOT_EMPTY when it has files
 * and nobody said what is to become of them.
 */
export async function removeBundle(
  sql: Sql,
  wanted: WantedBundle,
  files: 'keep' | 'delete' | undefined,
): Promise<BundleRow> {
  return transact(sql, async (query) => {
    const bundle = await getBundle(query, wanted, { lock: true })
    if (files === undefined && (await hasFiles(query, wanted.id))) {
      throw new AppError(
        'BUNDLE_NOT_EMPTY',
        'The bundle has files: say with ?files=keep or ?files=delete what becomes of them.',
        {
          details: { bundleId: wanted.id, filesCount: bundle.filesCount },
        },
      )
    }
    await deleteBundle(query, wanted.id, files ?? 'keep')
    return bundle
  })
}

const uniqueViolation = '23505'

function newBundle(name: string): BundleFields {
  return { name, description: null, slug: null, isShared: false, passcodeHash: null, expiredAt: null }
}

async function changedFields(
  current: BundleFields,
  changes: ChangeBundleRequest,
  passcodeHash?: string,
): Promise<BundleFields> {
  const { name, description, slug, shared, passcode, expiredAt } = changes
  const isShared = shared ?? current.isShared
  const nextSlug = slug === undefined ? current.slug : slug
  const hash = typeof passcode === 'string' ? (passcodeHash ?? (await hashPasscode(passcode))) : passcode
  return {
    name: name ?? current.name,
    description: description === undefined ? current.description : description,
    // 120 bits: nobody guesses it.
    slug: isShared ? (nextSlug ?? randomBytes(15).toString('hex')) : nextSlug,
    isShared,
    passcodeHash: hash === undefined ? current.passcodeHash : hash,
    expiredAt: expiredAt === undefined ? current.expiredAt : expiredAt,
  }
}

async function earlierBundle(query: Query, keyed: KeyedRequest): Promise<BundleRow | undefined> {
  const id = await earlierAnswer(query, keyed)
  if (typeof id !== 'string') return undefined
  const found = await findBundle(query, { id, accountId: keyed.accountId })
  if (!found) throw createdGone({ bundleId: id })
  return found
}

function slugTaken(slug: string | null): AppError {
  return new AppError('SLUG_TAKEN', 'Another bundle has this slug.', { details: { field: 'slug', slug } })
}

export function bundleNotFound(bundleId: string): AppError {
  return new AppError('BUNDLE_NOT_FOUND', 'There is no such bundle.', { details: { bundleId } })
}

/** A bundle as its owner sees it. */
export function presentBundle(bundle: BundleRow): BundleView {
  const { id, name, description, slug, isShared: shared, filesCount, sizeBytes } = bundle
  return {
    id,
    name,
    description,
    slug,
    shared,
    sharePath: shared && slug !== null ? `/api/shared/${slug}` : null,
    hasPasscode: bundle.passcodeHash !== null,
    expiredAt: bundle.expiredAt?.toISOString() ?? null,
    filesCount,
    sizeBytes,
    createdAt: bundle.createdAt.toISOString(),
    updatedAt: bundle.updatedAt.toISOString(),
  }
}
