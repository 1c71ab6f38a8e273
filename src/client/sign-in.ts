import { Api, type Fetch } from './api.ts'

/** Trades a code that `npm start` printed for a token; it can be done once. Throws LongshoreError SIGN_IN_CODE_UNKNOWN. */
export async function signInWithCode(url: string, code: string, fetch: Fetch = globalThis.fetch): Promise<string> {
  // A receiver would be lost: fetch wants its global.
  const api = new Api({ url, token: '', fetch: (address, init) => fetch(address, init) })
  const { token } = await api.json<{ token: string }>({ method: 'POST', path: '/sign-in', json: { code } })
  return token
}
