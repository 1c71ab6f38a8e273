import type { ErrorRequestHandler, RequestHandler } from 'express'
import { MulterError } from 'multer'
import { isDatabaseUnavailable } from '../db/connect.ts'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { requestIdOf } from './request-id.ts'

/** The one place where an error becomes an answer: `{ code, message, status, details }`. */
export function answerErrors(log: Log): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    const refusal = toAppError(error)
    const requestId = requestIdOf(response)
    response.locals['code'] = refusal.code
    const facts = { err: error, requestId, method: request.method, path: request.path, code: refusal.code }
    if (refusal.status >= 500) log.error(facts, 'a request failed')
    else log.debug(facts, 'a request was refused')
    // The answer has begun, so its status cannot change any more: cut it off, lest it look whole.
    if (response.headersSent) return next(error)
    if (refusal.retryAfterSeconds !== undefined) response.set('Retry-After', String(refusal.retryAfterSeconds))
    // What was not waited for any longer must not hold the connection either (RFC 9110 §15.5.9).
    if (refusal.code === 'CHUNK_STALLED') response.set('Connection', 'close')
    const { code, message, status, details } = refusal
    response.status(status).json({ code, message, status, details })
  }
}

/** Answers what no route took. */
export const answerUnknown: RequestHandler = (request) => {
  throw new AppError('ROUTE_NOT_FOUND', `There is nothing at ${request.method} ${request.path}.`)
}

function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (isDatabaseUnavailable(error)) {
    return new AppError('DATABASE_UNAVAILABLE', 'The database cannot be reached at the moment; try again shortly.', {
      retryAfterSeconds: 1,
      cause: error,
    })
  }
  if (error instanceof MulterError) return fromMulter(error)
  return (
    fromExpress(error) ?? new AppError('INTERNAL', 'The server failed to answer; its log tells more.', { cause: error })
  )
}

function fromMulter(error: MulterError): AppError {
  const message =
    error.code === 'LIMIT_UNEXPECTED_FILE'
      ? 'The form must have one file, in the field "chunk".'
      : `The form cannot be read: ${error.message}.`
  return new AppError('MALFORMED_MULTIPART', message, {
    details: error.field ? { field: error.field } : {},
    cause: error,
  })
}

/** Express and its body parser mark what the client did wrong with a status below 500. */
function fromExpress(error: unknown): AppError | undefined {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number') return undefined
  const options = { cause: error }
  const type = 'type' in error ? error.type : undefined
  if (type === 'entity.too.large') return new AppError('BODY_TOO_LARGE', 'The body is too large.', options)
  if (error.status === 415) {
    return new AppError('UNSUPPORTED_MEDIA_TYPE', 'The body must be sent as plain UTF-8, not compressed.', options)
  }
  if (error.status < 500) return new AppError('MALFORMED_REQUEST', 'The request cannot be read.', options)
  return undefined
}
