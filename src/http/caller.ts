import type { Request, RequestHandler, Response } from 'express'
import { type Resource, requireScope, scopeOf } from '../auth/scope.ts'
import type { Authenticate, Identity } from '../auth/verify.ts'

export type SignedInHandler = (request: Request, response: Response, caller: Identity) => Promise<void>

/** A route for somebody with a valid token only; its handler is told who it is. */
export type SignedIn = (handler: SignedInHandler) => RequestHandler

/**
 * Builds the wrapper with which every route that is not public is declared (RFC 6750 §2.1: the header, nothing else). A token
 * that is narrowed to scopes needs the one for the resource and the method.
 */
export function signedInBy(authenticate: Authenticate): (resource: Resource) => SignedIn {
  return (resource) => (handler) => async (request, response) => {
    const caller = await authenticate(bearerToken(request.headers.authorization))
    requireScope(caller, scopeOf(resource, request.method))
    await handler(request, response, caller)
  }
}

function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1]
}
