import { AppError } from '../errors.ts'

/** What routes are about. Reading files needs the scope `files:read`, all else with them `files:write`, and so on. */
export const resources = ['files', 'tasks', 'notifications', 'admin'] as const
export type Resource = (typeof resources)[number]
export type Scope = `${Resource}:${'read' | 'write'}`

/** Sets our words in the claim apart from those of whoever issues the tokens (`openid`, `profile`, …). */
const prefix = 'longshore:'

const known = new Map<string, Scope>(
  resources.flatMap((resource) => [`${resource}:read` as const, `${resource}:write` as const]).map((one) => [one, one]),
)

/**
 * Reads the claim `scope`, words with spaces between (RFC 8693 §4.2), of which those count that begin with `longshore:`.
 * Undefined without any: the token is narrowed to nothing. A word that says nothing to us allows nothing.
 */
export function parseScopes(claim: unknown): ReadonlySet<Scope> | undefined {
  const words = typeof claim === 'string' ? claim.split(' ').filter((word) => word.startsWith(prefix)) : []
  if (words.length === 0) return undefined
  return new Set(words.flatMap((word) => known.get(word.slice(prefix.length)) ?? []))
}

/** Throws FORBIDDEN when a token is narrowed to other things than this. */
export function requireScope({ scopes }: { scopes: ReadonlySet<Scope> | undefined }, scope: Scope): void {
  if (scopes === undefined || scopes.has(scope)) return
  const details = { requiredScope: prefix + scope }
  throw new AppError('FORBIDDEN', `The token is narrowed to other things: it has no scope ${prefix}${scope}.`, {
    details,
  })
}

/** What a request needs: to read, or to do anything else. */
export function scopeOf(resource: Resource, method: string): Scope {
  return `${resource}:${method === 'GET' || method === 'HEAD' ? 'read' : 'write'}`
}
