import type { Request, RequestHandler, Response } from 'express'
import type { Identity } from '../auth/token.ts'

/** Turns a bearer token into who it names. Throws UNAUTHENTICATED, TOKEN_INVALID or TOKEN_EXPIRED. */
export type Authenticate = (token: string | undefined) => Promise<Identity>

export type SignedInHandler = (request: Request, response: Response, caller: Identity) => Promise<void>

/** A route for somebody with a valid token only; its handler is told who it is. */
export type SignedIn = (handler: SignedInHandler) => RequestHandler

/** Builds the wrapper with which every route that is not public is declared (RFC 6750 §2.1: the header, nothing else). */
export function signedInBy(authenticate: Authenticate): SignedIn {
  return (handler) => async (request, response) => {
    const caller = await authenticate(bearerToken(request.headers.authorization))
    await handler(request, response, caller)
  }
}

function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(header ?? '')?.[1]
}
