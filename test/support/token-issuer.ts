import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { onTestFinished } from 'vitest'

export type Algorithm = 'RS256' | 'ES256'

/** Somebody who signs tokens with keys of their own and lists the public ones over HTTP. */
export type TokenIssuer = {
  jwksUrl: string
  /** How often the list was fetched. */
  fetches: () => number
  /** Signs with the newest key of that algorithm, which is made with the first token. */
  sign: (claims: Record<string, unknown>, algorithm?: Algorithm) => Promise<string>
  /** Has a new key from now on; the old ones stay on the list unless they are withdrawn. */
  rotate: (options?: { withdraw: boolean }) => void
  /** The list as it stands. */
  list: () => JWK[]
  /** Answers with this status and nothing else; undefined puts it right. */
  fail: (status: number | undefined) => void
}

export async function startTokenIssuer(): Promise<TokenIssuer> {
  let list: JWK[] = []
  let failure: number | undefined
  let count = 0
  const current = new Map<Algorithm, { kid: string; key: CryptoKey }>()
  const server = createServer((_request, response) => {
    count++
    response.writeHead(failure ?? 200, { 'content-type': 'application/json' })
    response.end(failure === undefined ? JSON.stringify({ keys: list }) : '')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the issuer of the test has no port')

  async function keyFor(algorithm: Algorithm): Promise<{ kid: string; key: CryptoKey }> {
    const known = current.get(algorithm)
    if (known) return known
    const { publicKey, privateKey } = await generateKeyPair(algorithm)
    const made = { kid: randomUUID(), key: privateKey }
    list.push({ ...(await exportJWK(publicKey)), kid: made.kid, alg: algorithm, use: 'sig' })
    current.set(algorithm, made)
    return made
  }
  return {
    jwksUrl: `http://127.0.0.1:${address.port}/keys`,
    fetches: () => count,
    sign: async (claims, algorithm = 'RS256') => {
      const { kid, key } = await keyFor(algorithm)
      return new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid }).setExpirationTime('5m').sign(key)
    },
    rotate: ({ withdraw } = { withdraw: false }) => {
      if (withdraw) list = []
      current.clear()
    },
    list: () => list,
    fail: (status) => {
      failure = status
    },
  }
}
