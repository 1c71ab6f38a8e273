import type { Request, RequestHandler, Response } from 'express'
import { type Resource, requireScope, scopeOf } from '../auth/scope.ts'
import type { Authenticate, Identity } from '../auth/verify.ts'
import { AppError } from '../errors.ts'
import type { RequestLimits } from '../limits/requests.ts'
import type { Count } from '../limits/shared-counter.ts'
import type { AuditTrail } from './audit-trail.ts'

type SignedInHandler = (request: Request, response: Response, caller: Identity) => Promise<void>

/** Makes a route one for somebody with a valid token only; its handler is told who it is. */
export type SignedInFor = (
  resource: Resource,
  follow: AuditTrail['follow'],
) => (handler: SignedInHandler) => RequestHandler

/**
 * Builds the wrapper with which every route that is not public is declared (RFC 6750 §2.1: the header, nothing else). A token
 * that is narrowed to scopes needs the one for the resource and the method; what is about `admin` is for admins. Each request counts against its account's
 * limit; what it does is told to `follow`.
 */
export function signedInBy(
  authenticate: Authenticate,
  requestLimits: Pick<RequestLimits, 'useAccount' | 'useAddress'>,
): SignedInFor {
  return (resource, follow) => (handler) => async (request, response) => {
    const caller = await callerOf(request)
    follow(request, response, caller)
    tellLimit(response, await requestLimits.useAccount(caller.account))
    requireScope(caller, scopeOf(resource, request.method))
    if (resource === 'admin' && !caller.admin) throw new AppError('FORBIDDEN', 'This is for admins.')
    await handler(request, response, caller)
  }

  async function callerOf(request: Request): Promise<Identity> {
    try {
      return await authenticate(bearerToken(request.headers.authorization))
    } catch (error) {
      // Whoever brings no good token is counted where the request came from: nothing else is known of them.
      if (error instanceof AppError && error.status === 401) await requestLimits.useAddress(request.ip ?? '')
      throw error
    }
  }
}

/** Says how many requests are left, and for how long (draft-ietf-httpapi-ratelimit-headers-10). */
function tellLimit(response: Response, { used, limit, resetMs }: Count): void {
  response.set('RateLimit-Policy', `"account";q=${limit};w=60`)
  response.set('RateLimit', `"account";r=${Math.max(0, limit - used)};t=${Math.ceil(resetMs / 1000)}`)
}

function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1]
}
