import type { Query } from '../db/connect.ts'
import { countOpenUploads } from '../db/usage.ts'
import { AppError } from '../errors.ts'

/**
 * Throws UPLOAD_LIMIT when an account would have more uploads that have not ended than it may. `more` are those that are not
 * booked yet. Exact in a transaction that holds the account's usage.
 */
export async function requireOpenUploads(
  query: Query,
  accountId: string,
  { limit, more }: { limit: number; more: number },
): Promise<void> {
  const open = await countOpenUploads(query, accountId)
  if (open + more <= limit) return
  const message = `An account may have ${limit} uploads that have not ended: complete or cancel one first.`
  throw new AppError('UPLOAD_LIMIT', message, { details: { limit, open: Math.min(open, limit) }, retryAfterSeconds: 5 })
}
