import { z } from 'zod'
import { AppError } from '../errors.ts'

const handshakeAuth = z.object({ token: z.string() })
const bearer = /^Bearer +(\S+)$/i

/**
 * The token a client brought: `auth.token` of the handshake, else its `Authorization` header; undefined without either.
 * Throws AppError UNAUTHENTICATED for one in the URL, because URLs end up in logs.
 */
export function handshakeToken(handshake: {
  auth: unknown
  headers: { authorization?: string | undefined }
  query: Record<string, unknown>
}): string | undefined {
  if ('token' in handshake.query || 'access_token' in handshake.query) {
    throw new AppError(
      'UNAUTHENTICATED',
      'A token is not taken from the URL: send it as "auth.token" of the handshake.',
    )
  }
  const auth = handshakeAuth.safeParse(handshake.auth)
  if (auth.success) return auth.data.token
  return bearer.exec(handshake.headers.authorization ?? '')?.[1]
}
