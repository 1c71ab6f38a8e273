import { z } from 'zod'
import { listOf, type Read } from './values.ts'

/** Who is let in, and what is kept from everybody's eyes. */
export type AccessConfig = {
  authJwtSecret: string
  /** Keys that passwords of tasks are sealed under, the newest first. None: such tasks are refused. */
  secretsKeys: Buffer[]
}

export const accessSettings = {
  AUTH_JWT_SECRET: z.string().min(32, 'must have at least 32 characters'),
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
  return { authJwtSecret: set.AUTH_JWT_SECRET, secretsKeys: set.SECRETS_KEYS }
}
