import type { ErrorCode } from '../errors.ts'
import type { Declaration, RouteGroup } from './route.ts'

/** What any request may be refused with, whatever it is for. */
export const commonCodes = [
  'MALFORMED_REQUEST',
  'REQUEST_TIMEOUT',
  'HEADERS_TOO_LARGE',
  'HTTPS_REQUIRED',
  'RATE_LIMITED',
  'INTERNAL',
  'DATABASE_UNAVAILABLE',
] as const satisfies ErrorCode[]

const signedInCodes = [
  'UNAUTHENTICATED',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'FORBIDDEN',
  'KEYS_UNAVAILABLE',
] as const satisfies ErrorCode[]
const bodyCodes = [
  'VALIDATION_FAILED',
  'MALFORMED_JSON',
  'UNSUPPORTED_MEDIA_TYPE',
  'BODY_TOO_LARGE',
] as const satisfies ErrorCode[]

/** Every code that a route may refuse with, beside the common ones: by what it declares, and by what it asks for. */
export function codesOf(group: RouteGroup, { errors = [], ...route }: Declaration): Set<ErrorCode> {
  return new Set<ErrorCode>([
    ...('openTo' in group ? [] : signedInCodes),
    ...(route.query || route.params || route.headers?.includes('Last-Event-ID')
      ? (['VALIDATION_FAILED'] as const)
      : []),
    ...(route.body ? bodyCodes : []),
    ...(route.keyed ? (['VALIDATION_FAILED', 'IDEMPOTENCY_KEY_REUSED', 'CREATED_GONE'] as const) : []),
    ...errors,
  ])
}
