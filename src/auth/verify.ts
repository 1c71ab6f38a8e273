import {
  createRemoteJWKSet,
  errors,
  type JWTHeaderParameters,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { AppError } from '../errors.ts'
import { parseScopes, requireScope, type Scope } from './scope.ts'

/** Who is calling, as their token says it. */
export type Identity = {
  account: string
  admin: boolean
  permissions: string[]
  /** What the token says that the account may have, if anything: `quotaBytes`, null for no limit. */
  quotaBytes: number | undefined
  /** What the token is narrowed to; undefined: to nothing. */
  scopes: ReadonlySet<Scope> | undefined
  expiresAt: Date | undefined
  /** Set when the token is for uploading alone: one upload, or new ones into one bundle. */
  upload?: UploadGrant
}

/** What an upload token is for. */
export type UploadGrant = { tokenId: string } & (
  | { taskId: string; bundleId: null }
  | { taskId: null; bundleId: string }
)

/** Turns a bearer token into who it names. Throws UNAUTHENTICATED, TOKEN_INVALID, TOKEN_EXPIRED or KEYS_UNAVAILABLE. */
export type Authenticate = (token: string | undefined) => Promise<Identity>

export type TokenRules = {
  /** Tokens signed by HS256 count when they are by this secret; undefined: none does. */
  secret?: string | undefined
  /** Tokens signed by RS256 or ES256 count when their key is listed here (RFC 7517); undefined: none does. */
  jwksUrl?: string | undefined
  /** What `iss` and `aud` have to be, if anything. */
  issuer?: string | undefined
  audience?: string | undefined
  /** How far clocks may differ. */
  clockToleranceSeconds: number
}

const keysWithinMs = 5000
/** How soon after the last look an unknown key id may make us look again, so that a flood of them asks nobody. */
const unknownKeyAgainMs = 10_000
const keysKeptMs = 10 * 60_000

/**
 * Builds the check of tokens. The algorithm decides which key counts, never the token alone (RFC 8725 §3.1): the secret is
 * tried for HS256 only, and listed keys for RS256 and ES256 only. New keys are found when the first token by one comes.
 */
export function createVerifier(rules: TokenRules): Authenticate {
  const { secret, jwksUrl, issuer, audience } = rules
  const listed = jwksUrl === undefined ? undefined : listedKeys(jwksUrl)
  const secretKey = secret === undefined ? undefined : new TextEncoder().encode(secret)
  const algorithms = [...(secretKey ? ['HS256'] : []), ...(listed ? ['RS256', 'ES256'] : [])]
  const key: JWTVerifyGetKey = (header: JWTHeaderParameters, token) => {
    const found = header.alg === 'HS256' ? secretKey : listed?.(header, token)
    if (found === undefined) throw new errors.JOSEAlgNotAllowed(`no key for ${header.alg}`)
    return found
  }
  const options = {
    algorithms,
    clockTolerance: rules.clockToleranceSeconds,
    ...(issuer === undefined ? {} : { issuer }),
    ...(audience === undefined ? {} : { audience }),
  }
  return async (token) => {
    if (token === undefined || token === '') throw new AppError('UNAUTHENTICATED', 'A bearer token is required.')
    return identityOf(await jwtVerify(token, key, options).then(({ payload }) => payload, refuse))
  }
}

/** The same check, which also throws FORBIDDEN when the token is narrowed to other things than this. */
export function requiringScope(authenticate: Authenticate, scope: Scope): Authenticate {
  return async (token) => {
    const identity = await authenticate(token)
    requireScope(identity, scope)
    return identity
  }
}

function listedKeys(jwksUrl: string): JWTVerifyGetKey {
  const find = createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: keysWithinMs,
    cooldownDuration: unknownKeyAgainMs,
    cacheMaxAge: keysKeptMs,
  })
  return async (header, token) => {
    try {
      return await find(header, token)
    } catch (cause) {
      if (cause instanceof errors.JWKSNoMatchingKey || cause instanceof errors.JWKSMultipleMatchingKeys) throw cause
      throw new AppError('KEYS_UNAVAILABLE', 'The keys that tokens are signed with cannot be fetched at the moment.', {
        retryAfterSeconds: 5,
        cause,
      })
    }
  }
}

function refuse(cause: unknown): never {
  if (cause instanceof AppError) throw cause
  if (cause instanceof errors.JWTExpired) throw new AppError('TOKEN_EXPIRED', 'The token has expired.', { cause })
  throw new AppError('TOKEN_INVALID', 'The token is not valid.', { cause })
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

function identityOf(payload: JWTPayload): Identity {
  if (payload.sub === undefined || !uuid.test(payload.sub)) {
    throw new AppError('TOKEN_INVALID', 'The token is not valid: its "sub" must be the UUID of an account.')
  }
  return {
    account: payload.sub.toLowerCase(),
    admin: payload['role'] === 'admin',
    permissions: stringsIn(payload['permissions']),
    quotaBytes: limitIn(payload['quotaBytes']),
    scopes: parseScopes(payload['scope']),
    expiresAt: payload.exp === undefined ? undefined : new Date(payload.exp * 1000),
  }
}

function limitIn(value: unknown): number | undefined {
  if (value === null) return Number.MAX_SAFE_INTEGER
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

function stringsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}
