import type { IncomingMessage, Server as HttpServer } from 'node:http'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { admit, type Authenticate, type SignedIn } from './admission.ts'
import type { Outlet } from './outlet.ts'
import type { Session } from './session.ts'

/** A way in for clients. */
export type Door = {
  /** Drops every connection in a way that makes clients come back by themselves. */
  drop: () => void
  /** The same, and refuses new ones: they come back elsewhere. */
  close: () => void
}

export type DoorLimits = {
  /** A client that sends more is disconnected. */
  maxMessagesPerSecond: number
  /** The longest message of a client. */
  maxMessageBytes: number
  /** What may wait for a client that does not take it. */
  maxBacklogBytes: number
  /** What a client of `/ws` may take to bring its token; one of Socket.IO, which has more to say first, has twice that. */
  signInWithinMs: number
}

export type Guard = {
  /** What is against a connection, before anybody says who it is; undefined when nothing is. */
  against: (request: IncomingMessage) => AppError | undefined
  /** Is told of who came with no token or a wrong one. */
  stranger: (request: IncomingMessage) => void
}

export type DoorOptions = {
  httpServer: HttpServer
  guard: Guard
  authenticate: Authenticate
  /** Begins the session of a client that was let in. */
  openSession: (signedIn: SignedIn, outlet: Outlet) => Session
  limits: DoorLimits
  log: Log
}

/** Lets in whom a token names, and tells the guard of who brings no good one. Throws UNAUTHENTICATED, TOKEN_INVALID, TOKEN_EXPIRED. */
export async function admitAt(
  { authenticate, guard }: Pick<DoorOptions, 'authenticate' | 'guard'>,
  request: IncomingMessage,
  token: string | undefined,
): Promise<SignedIn> {
  try {
    return await admit(authenticate, token)
  } catch (error) {
    if (error instanceof AppError && error.status === 401) guard.stranger(request)
    throw error
  }
}
