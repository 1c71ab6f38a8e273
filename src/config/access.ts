import { z } from 'zod'
import { listOf, type Read, url, whole } from './values.ts'

/** Who is let in, and what is kept from everybody's eyes. */
export type AccessConfig = {
  /** How tokens are checked; at least one of `secret` and `jwksUrl` is there. */
  tokens: {
    secret: string | undefined
    jwksUrl: string | undefined
    issuer: string | undefined
    audience: string | undefined
    clockToleranceSeconds: number
  }
  /** Keys that passwords of tasks are sealed under, the newest first. None: such tasks are refused. */
  secretsKeys: Buffer[]
  auditRetentionMs: number
}

export const accessSettings = {
  AUTH_JWT_SECRET: z.string().min(32, 'must have at least 32 characters').optional(),
  AUTH_JWKS_URL: url(['https', 'http']).optional(),
  AUTH_JWT_ISSUER: z.string().optional(),
  AUTH_JWT_AUDIENCE: z.string().optional(),
  AUTH_CLOCK_TOLERANCE_SECONDS: whole(0, 300, 30),
  AUDIT_RETENTION_DAYS: whole(1, 36_500, 365),
  SECRETS_KEYS: z
    .string()
    .default('')
    .transform((text) => listOf(text).map((part) => Buffer.from(part, 'base64')))
    .refine(
      (keys) => keys.every((key) => key.length === 32),
      'must be keys of 32 bytes in base64, with commas between',
    ),
}

export function accessConfig(set: Read<typeof accessSettings>): AccessConfig {
  return {
    tokens: {
      secret: set.AUTH_JWT_SECRET,
      jwksUrl: set.AUTH_JWKS_URL,
      issuer: set.AUTH_JWT_ISSUER,
      audience: set.AUTH_JWT_AUDIENCE,
      clockToleranceSeconds: set.AUTH_CLOCK_TOLERANCE_SECONDS,
    },
    secretsKeys: set.SECRETS_KEYS,
    auditRetentionMs: set.AUDIT_RETENTION_DAYS * 24 * 3_600_000,
  }
}

/** Said along with every other wrong setting, so of what is given and not of what could be read. */
export function accessMissing(given: Record<string, string | undefined>): string[] {
  if (given['AUTH_JWT_SECRET'] !== undefined || given['AUTH_JWKS_URL'] !== undefined) return []
  return ['AUTH_JWT_SECRET: is required, unless AUTH_JWKS_URL says where the keys are that tokens are signed with']
}
