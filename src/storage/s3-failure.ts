import { AppError, systemCode } from '../errors.ts'
import { PoolFault, type PoolProblem } from './failure.ts'

/** What is known of an error from the SDK or from the network beneath it. */
type Facts = { name: string; message: string; status: number | undefined }

function factsOf(error: unknown): Facts {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), status: undefined }
  const metadata: unknown = '$metadata' in error ? error.$metadata : undefined
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined
  return { name: error.name, message: error.message, status: typeof status === 'number' ? status : undefined }
}

const transientNames = new Set([
  'ConcurrentModification',
  'InternalError',
  'OperationAborted',
  'RequestTimeout',
  'RequestTimeTooSkewed',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TimeoutError',
  'TooManyRequests',
])

const transientStatuses = new Set([408, 429, 500, 502, 503, 504])

/** The store may well do it when asked again: it was busy or away, its answer did not come, or nobody can read it. */
export function isTransient(error: unknown): boolean {
  if (error instanceof AppError || error instanceof PoolFault || (error instanceof Error && isMistake(error)))
    return false
  const { name, status } = factsOf(error)
  if (name === 'AbortError' || isCredentialsFailure(name)) return false
  if (transientNames.has(name)) return true
  // No status: the connection failed. A good status with an error: the answer broke off or is not what S3 answers.
  return status === undefined || status < 300 || transientStatuses.has(status)
}

/** The object or the multipart upload is not there. Ceph says NoSuchKey of an upload that is gone. */
export function isAbsent(error: unknown): boolean {
  const { name, status } = factsOf(error)
  return name === 'NoSuchKey' || name === 'NoSuchUpload' || name === 'NotFound' || (status === 404 && name === '404')
}

/** Does `work`; answers undefined when the object or the multipart upload that it is about is not there. */
export async function unlessGone<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (isAbsent(error)) return undefined
    throw error
  }
}

/** A part is not (any more) what the completion names. */
export function isPartChanged(error: unknown): boolean {
  return factsOf(error).name === 'InvalidPart'
}

/** A storage failure that means that the store could not be asked, not that it said no. */
export function isOutage(failure: unknown): boolean {
  return failure instanceof AppError && failure.cause instanceof PoolFault && outages.has(failure.cause.problem)
}

const outages = new Set<PoolProblem>(['FAILED', 'UNREACHABLE'])

/** This server does not do what was asked, or not for these credentials, and another way has to be gone. */
export function isRefused(error: unknown): boolean {
  const { name, status } = factsOf(error)
  return name === 'AccessDenied' || name === 'NotImplemented' || status === 501
}

const full = new Set(['QuotaExceeded', 'InsufficientStorage', 'StorageQuotaExceeded', 'XMinioStorageFull'])

const problems = new Map<string, PoolProblem>([
  ['NoSuchBucket', 'BUCKET_NOT_FOUND'],
  ['AuthorizationHeaderMalformed', 'REGION_WRONG'],
  ['IllegalLocationConstraintException', 'REGION_WRONG'],
  ['PermanentRedirect', 'REGION_WRONG'],
  ['AccessDenied', 'ACCESS_DENIED'],
  ['AccountProblem', 'ACCESS_DENIED'],
  ['AllAccessDisabled', 'ACCESS_DENIED'],
  ['ExpiredToken', 'CREDENTIALS_REFUSED'],
  ['InvalidAccessKeyId', 'CREDENTIALS_REFUSED'],
  ['InvalidToken', 'CREDENTIALS_REFUSED'],
  ['SignatureDoesNotMatch', 'CREDENTIALS_REFUSED'],
])

/** The names by which the SDK says that it found no credentials. */
function isCredentialsFailure(name: string): boolean {
  return name === 'CredentialsProviderError' || name === 'TokenProviderError'
}

/**
 * What a caller is told when a store refused something or did not answer: STORAGE_FULL, or STORAGE_UNAVAILABLE, with a
 * PoolFault as the cause. Of a store's own error only name, status and message are kept: its other fields hold the access
 * key and what was signed. Mistakes of the program, aborts and AppErrors stay as they are.
 */
export function s3Failure(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AppError || error.name === 'AbortError') return error
  if (isMistake(error)) return error
  const { name, status } = factsOf(error)
  const cause = error instanceof PoolFault ? error : faultOf(error)
  if (full.has(name)) return new AppError('STORAGE_FULL', 'The storage pool has no room left.', { cause })
  return new AppError('STORAGE_UNAVAILABLE', 'The storage pool cannot be read or written now.', {
    cause,
    retryAfterSeconds: status === undefined ? 5 : 2,
  })
}

function faultOf(error: Error): PoolFault {
  const { name, message, status } = factsOf(error)
  const code = systemCode(error)
  const problem = problemOf(name, status)
  const region = problem === 'REGION_WRONG' ? bucketRegion(error) : undefined
  const where = region && `the bucket is in ${region}`
  const text = [status === undefined ? code : `${status} ${name}`, message, where].filter(Boolean).join(': ')
  return new PoolFault(problem, text, status === undefined ? { cause: error } : {})
}

/** Where a store says that the bucket is, when it is asked in another region. */
function bucketRegion(error: Error): string | undefined {
  const response: unknown = '$response' in error ? error.$response : undefined
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined
  const { headers } = response
  if (typeof headers !== 'object' || headers === null || !('x-amz-bucket-region' in headers)) return undefined
  const region = headers['x-amz-bucket-region']
  return typeof region === 'string' ? region : undefined
}

/** Of a part that was sent with a checksum behind it: says, where that is what the store refused, which setting to change. */
export function orChecksumsRefused(error: unknown): unknown {
  const { name, message, status } = factsOf(error)
  if (status !== 411 && status !== 501) return error
  const advice = 'The store refuses parts with checksums: give the pool "checksums": "WHEN_REQUIRED"'
  return new PoolFault('CHECKSUMS_REFUSED', `${advice} (${status} ${name}: ${message})`)
}

function problemOf(name: string, status: number | undefined): PoolProblem {
  const known = problems.get(name)
  if (known) return known
  if (isCredentialsFailure(name)) return 'CREDENTIALS_MISSING'
  if (status === 301 || status === 307) return 'REGION_WRONG'
  if (status === 403) return 'ACCESS_DENIED'
  return status === undefined ? 'UNREACHABLE' : 'FAILED'
}

function isMistake(error: Error): boolean {
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError
}
