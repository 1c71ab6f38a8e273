import { createContext, useContext } from 'react'
import { type Client, createClient, LongshoreError } from '../client/browser.ts'
import { LiveFeed } from './live-feed.ts'

/** Somebody who is signed in. */
export type Session = {
  client: Client
  feed: LiveFeed
  account: string
  isAdmin: boolean
  signOut: (why?: string) => void
}

export const SessionContext = createContext<Session | undefined>(undefined)

/** Throws outside of what is shown to somebody who is signed in. */
export function useSession(): Session {
  const session = useContext(SessionContext)
  if (session === undefined) throw new Error('nobody is signed in')
  return session
}

const key = 'longshore.token'

/** The token that was kept in this tab, or in this browser. */
export function keptToken(): string | undefined {
  return sessionStorage.getItem(key) ?? localStorage.getItem(key) ?? undefined
}

/** Keeps the token until the tab is closed, or until somebody signs out. */
export function keepToken(token: string, where: 'tab' | 'browser'): void {
  forgetToken()
  const storage = where === 'tab' ? sessionStorage : localStorage
  storage.setItem(key, token)
}

export function forgetToken(): void {
  sessionStorage.removeItem(key)
  localStorage.removeItem(key)
}

/** What a token says of itself. The server alone decides whether it counts; this only decides what to show. */
export function readToken(token: string): { account: string; isAdmin: boolean } | undefined {
  try {
    const [, payload = ''] = token.split('.')
    const bytes = Uint8Array.from(atob(payload.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0))
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes))
    if (typeof claims !== 'object' || claims === null || !('sub' in claims) || typeof claims.sub !== 'string') {
      return undefined
    }
    return { account: claims.sub, isAdmin: 'role' in claims && claims.role === 'admin' }
  } catch {
    return undefined
  }
}

/** Throws LongshoreError when the server does not take the token. One that may not read files is taken nevertheless. */
export async function checkToken(token: string): Promise<void> {
  try {
    await createClient({ url: location.origin, token }).quota()
  } catch (error) {
    if (error instanceof LongshoreError && error.status === 403) return
    throw error
  }
}

/** Opens what the pages need. Undefined when the text is no token at all. */
export function openSession(token: string, signOut: Session['signOut']): Session | undefined {
  const claims = readToken(token)
  if (claims === undefined) return undefined
  const client = createClient({
    url: location.origin,
    token,
    fetch: async (url, init) => {
      const response = await globalThis.fetch(url, init)
      if (response.status === 401) signOut('Your sign-in has ended. Sign in again to go on.')
      return response
    },
  })
  return { client, feed: new LiveFeed(client), ...claims, signOut }
}
