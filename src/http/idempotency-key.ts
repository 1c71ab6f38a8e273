import type { Request } from 'express'
import type { Identity } from '../auth/verify.ts'
import { AppError } from '../errors.ts'
import type { KeyedRequest } from '../tasks/idempotency.ts'

/** A request as `Idempotency-Key` makes it known; undefined without that header. Throws VALIDATION_FAILED. */
export function keyedRequest(request: Request, caller: Identity): KeyedRequest | undefined {
  const key = request.get('Idempotency-Key')
  if (key === undefined) return undefined
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new AppError('VALIDATION_FAILED', 'The request is not valid.', {
      details: { errors: [{ field: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }] },
    })
  }
  const body: unknown = request.body
  // The gateway's prefix is the same door.
  const path = request.originalUrl.replace(/^\/drive\//, '/api/').replace(/\?.*$/, '')
  return { accountId: caller.account, key, method: request.method, path, body }
}
