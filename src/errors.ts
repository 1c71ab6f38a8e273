/** Every code an answer can carry, with its HTTP status. A code is stable: clients branch on it. */
export const errorStatus = {
  VALIDATION_FAILED: 400,
  MALFORMED_REQUEST: 400,
  MALFORMED_JSON: 400,
  MALFORMED_MULTIPART: 400,
  CHUNK_INDEX_INVALID: 400,
  CHUNK_SIZE_MISMATCH: 400,
  CHUNK_TORN: 400,
  DIGEST_INVALID: 400,
  DIGEST_MISMATCH: 400,
  SECRETS_UNAVAILABLE: 400,
  ENCRYPTION_KEYS_INVALID: 400,
  WEBHOOK_URL_REFUSED: 400,
  UNAUTHENTICATED: 401,
  TOKEN_INVALID: 401,
  TOKEN_EXPIRED: 401,
  PASSCODE_REQUIRED: 401,
  PASSCODE_WRONG: 403,
  SIGN_IN_CODE_UNKNOWN: 403,
  FORBIDDEN: 403,
  QUOTA_EXCEEDED: 403,
  TOKEN_SPENT: 403,
  ENCRYPTION_REQUIRED: 403,
  ENCRYPTION_REFUSED: 403,
  HTTPS_REQUIRED: 403,
  ROUTE_NOT_FOUND: 404,
  TASK_NOT_FOUND: 404,
  FILE_NOT_FOUND: 404,
  POOL_NOT_FOUND: 404,
  BUNDLE_NOT_FOUND: 404,
  SCHEDULE_NOT_FOUND: 404,
  TOKEN_NOT_FOUND: 404,
  SHARE_NOT_FOUND: 404,
  WEBHOOK_NOT_FOUND: 404,
  DELIVERY_NOT_FOUND: 404,
  PUSH_SUBSCRIPTION_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  CHUNK_STALLED: 408,
  CHUNK_ALREADY_UPLOADED: 409,
  CHUNKS_MISSING: 409,
  CHUNKS_DAMAGED: 409,
  POOL_KIND: 409,
  POOL_DECLARED: 409,
  POOL_DISABLED: 409,
  POOL_IN_USE: 409,
  POOL_NOT_EMPTY: 409,
  POOL_OVERLAPS: 409,
  DIRECT_UNAVAILABLE: 409,
  PARTS_REFUSED: 409,
  TASK_STATE: 409,
  DEPENDENCY_ENDED: 409,
  STAGING_GONE: 409,
  SECRET_REQUIRED: 409,
  BUNDLE_NOT_EMPTY: 409,
  SLUG_TAKEN: 409,
  SCHEDULE_BUSY: 409,
  SCHEDULE_LIMIT: 409,
  TOKEN_LIMIT: 409,
  SCHEDULE_TEMPLATE_INVALID: 409,
  WEBHOOK_DISABLED: 409,
  WEBHOOK_LIMIT: 409,
  DELIVERY_PENDING: 409,
  PUSH_LIMIT: 409,
  CHALLENGE_GONE: 410,
  UPLOAD_ENDED: 410,
  CREATED_GONE: 410,
  SHARE_EXPIRED: 410,
  PRECONDITION_FAILED: 412,
  FILE_TOO_LARGE: 413,
  CHUNK_TOO_LARGE: 413,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  TYPE_NOT_ACCEPTED: 415,
  RANGE_NOT_SATISFIABLE: 416,
  HASH_MISMATCH: 422,
  POOL_UNUSABLE: 422,
  IDEMPOTENCY_KEY_REUSED: 422,
  DECRYPT_HEADER_TOO_LARGE: 422,
  DECRYPT_NO_MATCHING_KEY: 422,
  DECRYPT_NOT_AGE: 422,
  DECRYPT_TAMPERED: 422,
  DECRYPT_TRUNCATED: 422,
  DECRYPT_WORK_FACTOR: 422,
  DECRYPT_WRONG_PASSWORD: 422,
  ARCHIVE_DAMAGED: 422,
  ARCHIVE_ENCRYPTED: 422,
  ARCHIVE_HAS_LINK: 422,
  ARCHIVE_HAS_SPECIAL_FILE: 422,
  ARCHIVE_OVERLAPPING: 422,
  ARCHIVE_RATIO: 422,
  ARCHIVE_TOO_LARGE: 422,
  ARCHIVE_TOO_MANY_ENTRIES: 422,
  ARCHIVE_TRUNCATED: 422,
  ARCHIVE_UNKNOWN: 422,
  ARCHIVE_UNSAFE_NAME: 422,
  ARCHIVE_UNSUPPORTED: 422,
  CHUNK_BUSY: 423,
  UPLOAD_PAUSED: 423,
  RATE_LIMITED: 429,
  TASK_LIMIT: 429,
  TOO_MANY_ATTEMPTS: 429,
  UPLOAD_LIMIT: 429,
  HEADERS_TOO_LARGE: 431,
  INTERNAL: 500,
  UPLOAD_FAILED: 500,
  CONVERSION_UNAVAILABLE: 503,
  DATABASE_UNAVAILABLE: 503,
  KEYS_UNAVAILABLE: 503,
  PUSH_UNAVAILABLE: 503,
  SHUTTING_DOWN: 503,
  STORAGE_UNAVAILABLE: 503,
  STORAGE_FULL: 507,
} as const

export type ErrorCode = keyof typeof errorStatus

export type AppErrorOptions = {
  /** What a client needs to put it right; becomes `details` of the answer. */
  details?: Record<string, unknown>
  /** Answered as `Retry-After`, in seconds. */
  retryAfterSeconds?: number
  /** What went wrong underneath. It is logged, never answered. */
  cause?: unknown
}

/** An error whose code, message and details are meant for the caller of the API. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly status: number
  readonly details: Record<string, unknown>
  readonly retryAfterSeconds: number | undefined

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.status = errorStatus[code]
    this.details = options.details ?? {}
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** The `code` of a system, database or network error (`ENOENT`, `23505`, …), if the value has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
