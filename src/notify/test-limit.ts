import { countAttempt } from '../db/attempts.ts'
import type { Query } from '../db/connect.ts'
import { AppError } from '../errors.ts'

const windowMs = 60_000

/**
 * Counts one more test that an account has sent, so that nobody has us write to others as often as they like. Throws
 * TOO_MANY_ATTEMPTS.
 */
export async function countTest(query: Query, accountId: string, most: number): Promise<void> {
  const { count, secondsLeft } = await countAttempt(query, { scope: 'notify test', subject: accountId }, windowMs)
  if (count <= most) return
  throw new AppError('TOO_MANY_ATTEMPTS', `An account may send ${most} tests in a minute; try again later.`, {
    retryAfterSeconds: Math.max(1, secondsLeft),
  })
}
