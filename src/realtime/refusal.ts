import { isDatabaseUnavailable } from '../db/connect.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Refusal } from './outlet.ts'

/** Puts any error into words for the client. What is nobody's fault but ours is logged and not told. */
export function refusalOf(error: unknown, log: Log): Refusal {
  return shownRefusal(toAppError(error, log))
}

export function shownRefusal({ code, message, status, details }: AppError): Refusal {
  return { code, message, status, details }
}

function toAppError(error: unknown, log: Log): AppError {
  if (error instanceof AppError) return error
  if (isDatabaseUnavailable(error)) {
    log.warn({ err: error }, 'the ledger could not be reached')
    return new AppError('DATABASE_UNAVAILABLE', 'The database cannot be reached. Try again in a moment.', {
      cause: error,
    })
  }
  log.error({ err: error }, 'a socket request failed')
  return new AppError('INTERNAL', 'Something went wrong on the server.', { cause: error })
}
