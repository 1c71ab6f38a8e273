import { randomUUID } from 'node:crypto'
import type { RequestHandler, Response } from 'express'

const header = 'X-Request-Id'

/**
 * Gives every request a name that its log lines, its audit entry and its answer carry: the one it came with, if that is plain,
 * so that a gateway's log and ours tell of the same thing.
 */
export const nameRequest: RequestHandler = (request, response, next) => {
  const given = request.get(header)
  response.set(header, given !== undefined && /^[\w.:-]{1,128}$/.test(given) ? given : randomUUID())
  next()
}

export function requestIdOf(response: Response): string {
  return response.get(header) ?? ''
}
