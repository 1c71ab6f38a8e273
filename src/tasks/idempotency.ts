import { createHash } from 'node:crypto'
import { AppError } from '../errors.ts'
import type { Query } from '../db/connect.ts'
import { findAnswer, forgetAnswers, keepAnswer } from '../db/idempotency.ts'

const keptForMs = 24 * 3_600_000

/** A request with the key that its sender gave it. */
export type KeyedRequest = { accountId: string; key: string; method: string; path: string; body: unknown }

/**
 * What an earlier request with the same key was answered, or undefined when there was none. Throws
 * IDEMPOTENCY_KEY_REUSED when that one asked for something else.
 */
export async function earlierAnswer(query: Query, request: KeyedRequest): Promise<unknown> {
  const kept = await findAnswer(query, request)
  if (!kept) return undefined
  if (kept.requestSha256.equals(fingerprint(request))) return kept.response
  throw new AppError('IDEMPOTENCY_KEY_REUSED', 'This Idempotency-Key was used for another request.', {
    details: { field: 'Idempotency-Key' },
  })
}

/**
 * What a repetition is told when what the first request created was deleted since. 410, not 404: the request did come
 * through and must not be made anew, for then the work would be done twice; and not the first answer, which would show
 * what is not there any more. The details name what was created.
 */
export function createdGone(created: Record<string, unknown>): AppError {
  return new AppError(
    'CREATED_GONE',
    'The request was carried out before, and what it created has been deleted since.',
    {
      details: created,
    },
  )
}

/** Keeps an answer with what was created, in its transaction. False: another request with the key was first. */
export async function keepForRepetition(query: Query, request: KeyedRequest, response: unknown): Promise<boolean> {
  return keepAnswer(query, { ...request, requestSha256: fingerprint(request) }, response)
}

/** Forgets what was kept for more than 24 hours. */
export async function sweepAnswers(query: Query): Promise<number> {
  return forgetAnswers(query, keptForMs)
}

function fingerprint({ method, path, body }: KeyedRequest): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([method, path, body]))
    .digest()
}
