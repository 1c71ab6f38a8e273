import { AppError } from '../errors.ts'
import type { Caller } from './rooms.ts'

/** Turns a bearer token into who it names. Throws UNAUTHENTICATED, TOKEN_INVALID or TOKEN_EXPIRED. */
export type Authenticate = (token: string | undefined) => Promise<Caller>

/** Somebody who was let in, and the token that let him. */
export type SignedIn = { token: string; caller: Caller }

/** Lets in whom a token names. Throws UNAUTHENTICATED, TOKEN_INVALID, TOKEN_EXPIRED. */
export async function admit(authenticate: Authenticate, token: string | undefined): Promise<SignedIn> {
  const caller = await authenticate(token)
  // A check that tolerates clock skew may pass what would have to be disconnected at once.
  if (caller.expiresAt !== undefined && caller.expiresAt.getTime() <= Date.now()) throw tokenExpired()
  return { token: token ?? '', caller }
}

export function tokenExpired(): AppError {
  return new AppError('TOKEN_EXPIRED', 'The token has expired.')
}

/** Refuses a token in a URL, because URLs end up in logs. Throws UNAUTHENTICATED. */
export function refuseTokenInUrl(parameters: { has: (name: string) => boolean }, instead: string): void {
  if (!parameters.has('token') && !parameters.has('access_token')) return
  throw new AppError('UNAUTHENTICATED', `A token is not taken from the URL: send it as ${instead}.`)
}

const maxTimerMs = 2 ** 31 - 1

/** Calls back at a moment, however far off. Answers how to call it off. */
export function atMoment(moment: Date, callBack: () => void): () => void {
  let timer: NodeJS.Timeout
  const arm = (): void => {
    const restMs = moment.getTime() - Date.now()
    // A longer timeout would overflow and fire at once.
    timer = restMs > maxTimerMs ? setTimeout(arm, maxTimerMs) : setTimeout(callBack, restMs)
  }
  arm()
  return () => clearTimeout(timer)
}
