import { resolve } from 'node:path'
import { z } from 'zod'
import { type Read, whole } from './values.ts'

export type StorageConfig = {
  /** Where unfinished uploads of the default pool lie; undefined: a folder inside the pool. */
  uploadsPath: string | undefined
  defaultPoolId: string
  /** Pools to be added to the ledger, or changed to what is said here. */
  declared: { id: string; name: string; kind: string; settings: Record<string, unknown> }[]
  /** How long the bytes stay that no file refers to any more. */
  orphanGraceMs: number
  trashRetentionMs: number
  /** What accounts may have of which nobody said anything else. */
  quota: { defaultLimitBytes: number }
}

const declaredPools = z.array(
  z.strictObject({
    id: z.uuid().toLowerCase(),
    name: z.string().min(1).max(200),
    kind: z.string(),
    settings: z.record(z.string(), z.unknown()),
  }),
)

function readPools(text: string, context: z.RefinementCtx): z.infer<typeof declaredPools> {
  const parsed = declaredPools.safeParse(jsonOf(text))
  if (parsed.success) return parsed.data
  context.addIssue('must be JSON: [{ "id": "<UUID>", "name": "…", "kind": "s3", "settings": { … } }, …]')
  return z.NEVER
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const storageSettings = {
  STORAGE_UPLOADS_PATH: z.string().optional(),
  STORAGE_PREFERRED_REMOTE: z.uuid('must be a UUID').toLowerCase().default('550e8400-e29b-41d4-a716-446655440000'),
  STORAGE_POOLS: z.string().default('[]').transform(readPools),
  STORAGE_ORPHAN_GRACE_MINUTES: whole(1, 60 * 24 * 30, 60),
  TRASH_RETENTION_DAYS: whole(0, 3650, 7),
  QUOTA_DEFAULT_BYTES: whole(0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
}

export function storageConfig(set: Read<typeof storageSettings>): StorageConfig {
  return {
    uploadsPath: set.STORAGE_UPLOADS_PATH === undefined ? undefined : resolve(set.STORAGE_UPLOADS_PATH),
    defaultPoolId: set.STORAGE_PREFERRED_REMOTE,
    declared: set.STORAGE_POOLS,
    quota: { defaultLimitBytes: set.QUOTA_DEFAULT_BYTES },
    trashRetentionMs: set.TRASH_RETENTION_DAYS * 24 * 3_600_000,
    orphanGraceMs: set.STORAGE_ORPHAN_GRACE_MINUTES * 60_000,
  }
}
