import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import { AppError } from '../errors.ts'

export type Claims = { account: string; admin: boolean; expiresInSeconds: number }

/** Who is calling, as their token says it. */
export type Identity = { account: string; admin: boolean; permissions: string[]; expiresAt: Date | undefined }

/** Makes a JWT (RFC 7519) signed with HMAC-SHA256 that names an account and expires. */
export async function signToken(secret: string, { account, admin, expiresInSeconds }: Claims): Promise<string> {
  const nowSeconds = Math.floor(Date.now() / 1000)
  return new SignJWT(admin ? { role: 'admin' } : {})
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(account)
    .setIssuedAt(nowSeconds)
    .setExpirationTime(nowSeconds + expiresInSeconds)
    .sign(keyOf(secret))
}

/**
 * Checks a JWT and answers whom it names. Only HS256 counts; clocks may differ by 30 s. Throws AppError UNAUTHENTICATED
 * without a token, TOKEN_EXPIRED past its end, and TOKEN_INVALID for everything else.
 */
export async function verifyToken(secret: string, token: string | undefined): Promise<Identity> {
  if (token === undefined || token === '') throw new AppError('UNAUTHENTICATED', 'A bearer token is required.')
  const payload = await verifiedPayload(secret, token)
  if (payload.sub === undefined || !uuid.test(payload.sub)) {
    throw new AppError('TOKEN_INVALID', 'The token is not valid: its "sub" must be the UUID of an account.')
  }
  return {
    account: payload.sub.toLowerCase(),
    admin: payload['role'] === 'admin',
    permissions: stringsIn(payload['permissions']),
    expiresAt: payload.exp === undefined ? undefined : new Date(payload.exp * 1000),
  }
}

async function verifiedPayload(secret: string, token: string): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keyOf(secret), { algorithms: ['HS256'], clockTolerance: 30 })
    return payload
  } catch (cause) {
    if (cause instanceof errors.JWTExpired) throw new AppError('TOKEN_EXPIRED', 'The token has expired.', { cause })
    throw new AppError('TOKEN_INVALID', 'The token is not valid.', { cause })
  }
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

function keyOf(secret: string): Uint8Array {
  return new TextEncoder().encode(secret)
}

function stringsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
