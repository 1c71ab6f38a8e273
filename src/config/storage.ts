import { isAbsolute, resolve } from 'node:path'
import { z } from 'zod'
import { costMultiplier, poolPolicy } from '../contract/pool.ts'
import { listOf, type Read, whole } from './values.ts'

export type StorageConfig = {
  /** Where unfinished uploads of the default pool lie; undefined: a folder inside the pool. */
  uploadsPath: string | undefined
  defaultPoolId: string
  /** Pools to be added to the ledger, or changed to what is said here. */
  declared: z.output<typeof declaredPools>
  /** Folders below which administrators may have pools made over the API. */
  localRoots: string[]
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
    policy: poolPolicy.optional(),
    costMultiplier: costMultiplier.optional(),
  }),
)

function readPools(text: string, context: z.RefinementCtx): z.infer<typeof declaredPools> {
  const parsed = declaredPools.safeParse(jsonOf(text))
  if (parsed.success) return parsed.data
  const where = parsed.error.issues[0]?.path.join('.') ?? ''
  const example = '[{ "id": "<UUID>", "name": "…", "kind": "s3", "settings": { … } }, …]'
  context.addIssue(`must be JSON: ${example}${where === '' ? '' : `; look at ${where}`}`)
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
  STORAGE_LOCAL_ROOTS: z
    .string()
    .default('')
    .transform(listOf)
    .refine((paths) => paths.every(isAbsolute), {
      error: 'must be absolute paths, with commas between',
    }),
  STORAGE_ORPHAN_GRACE_MINUTES: whole(1, 60 * 24 * 30, 60),
  TRASH_RETENTION_DAYS: whole(0, 3650, 7),
  QUOTA_DEFAULT_BYTES: whole(0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER),
}

export function storageConfig(set: Read<typeof storageSettings>): StorageConfig {
  return {
    uploadsPath: set.STORAGE_UPLOADS_PATH === undefined ? undefined : resolve(set.STORAGE_UPLOADS_PATH),
    defaultPoolId: set.STORAGE_PREFERRED_REMOTE,
    declared: set.STORAGE_POOLS,
    localRoots: set.STORAGE_LOCAL_ROOTS,
    quota: { defaultLimitBytes: set.QUOTA_DEFAULT_BYTES },
    trashRetentionMs: set.TRASH_RETENTION_DAYS * 24 * 3_600_000,
    orphanGraceMs: set.STORAGE_ORPHAN_GRACE_MINUTES * 60_000,
  }
}
