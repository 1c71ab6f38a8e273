import { AppError, systemCode } from '../errors.ts'

/** What is wrong with a pool, in words that health checks can show to anybody. */
export type PoolProblem =
  | 'ACCESS_DENIED'
  | 'BUCKET_NOT_FOUND'
  | 'CHECKSUMS_REFUSED'
  | 'CREDENTIALS_MISSING'
  | 'CREDENTIALS_REFUSED'
  | 'FAILED'
  | 'REGION_WRONG'
  | 'SETTINGS_WRONG'
  | 'STORAGE_FULL'
  | 'UNREACHABLE'

/** Why a pool cannot be used. The message is for its operators. */
export class PoolFault extends Error {
  readonly problem: PoolProblem

  constructor(problem: PoolProblem, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.name = 'PoolFault'
    this.problem = problem
  }
}

const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])

/**
 * What a caller is told when the operating system refused something: STORAGE_FULL or STORAGE_UNAVAILABLE, with the
 * system's error as the cause. Everything that is not a system error (an AppError, an abort's reason) stays as it is.
 */
export function storageFailure(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AppError || !('syscall' in error)) return error
  if (fullCodes.has(systemCode(error) ?? '')) {
    return new AppError('STORAGE_FULL', 'The storage pool has no room left.', { cause: error })
  }
  return new AppError('STORAGE_UNAVAILABLE', 'The storage pool cannot be read or written now.', { cause: error })
}

/** Runs `work` and turns what the system refused into `storageFailure`s. */
export async function onMedium<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storageFailure(error)
  }
}

/** Runs `work`; answers undefined when the file it is about is not there. */
export async function unlessAbsent<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
