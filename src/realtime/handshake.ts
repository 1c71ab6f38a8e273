import { z } from 'zod'
import { refuseTokenInUrl } from './admission.ts'

const handshakeAuth = z.object({ token: z.string() })
const bearer = /^Bearer +(\S+)$/i

/**
 * The token a client brought: `auth.token` of the handshake, else its `Authorization` header; undefined without either.
 * Throws AppError UNAUTHENTICATED for one in the URL.
 */
export function handshakeToken(handshake: {
  auth: unknown
  headers: { authorization?: string | undefined }
  query: Record<string, unknown>
}): string | undefined {
  refuseTokenInUrl(new Set(Object.keys(handshake.query)), '"auth.token" of the handshake')
  const auth = handshakeAuth.safeParse(handshake.auth)
  if (auth.success) return auth.data.token
  return bearer.exec(handshake.headers.authorization ?? '')?.[1]
}
