import { SignJWT } from 'jose'

/** What a token shall say. `scope` narrows it (RFC 8693 §4.2); without one it may do all that its account may. */
export type Claims = {
  account: string
  admin: boolean
  expiresInSeconds: number
  scope?: string
  /** What the account may have in all; null: no limit. */
  quotaBytes?: number | null
  issuer?: string | undefined
  audience?: string | undefined
}

/** Makes a JWT (RFC 7519) signed with HMAC-SHA256 that names an account and expires. */
export async function signToken(secret: string, { account, admin, ...claims }: Claims): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000)
  const { scope, issuer, audience, quotaBytes } = claims
  const token = new SignJWT({
    ...(admin ? { role: 'admin' } : {}),
    ...(scope === undefined ? {} : { scope }),
    ...(quotaBytes === undefined ? {} : { quotaBytes }),
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(account)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + claims.expiresInSeconds)
  if (issuer !== undefined) token.setIssuer(issuer)
  if (audience !== undefined) token.setAudience(audience)
  return token.sign(new TextEncoder().encode(secret))
}
