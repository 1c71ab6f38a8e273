import { resolve } from 'node:path'
import { z } from 'zod'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Storage } from './contract.ts'
import { PoolFault } from './failure.ts'
import { openLocalStorage } from './local.ts'
import type { ReadVariable } from './s3-pool.ts'
import { s3Settings } from './s3-settings.ts'

const localSettings = z.strictObject({ path: z.string().min(1) })

const schemas = new Map<string, z.ZodType>([
  ['local', localSettings],
  ['s3', s3Settings],
] satisfies [PoolKind, z.ZodType][])

export type PoolKind = 'local' | 's3'

export type OpenOptions = {
  dataDir: string
  uploadsPath: string | undefined
  /** Finds what pools name instead of holding: their credentials. */
  readVariable: ReadVariable
  log: Log
}

/**
 * Opens a pool by its kind and settings. A local pool's path is taken from `dataDir` unless it is absolute, so that a data
 * folder can be moved whole. `uploadsPath` is where local pools keep unfinished uploads, if not in themselves.
 * Fails with INTERNAL, naming the pool, when its kind is unknown or its settings are wrong, and as the kind's own
 * opening does.
 */
export async function openStorage(
  pool: { id: string; kind: string; settings: unknown },
  { dataDir, readVariable, ...options }: OpenOptions,
): Promise<Storage> {
  switch (pool.kind) {
    case 'local': {
      const { path } = parseSettings(pool, localSettings)
      return openLocalStorage({ rootPath: resolve(dataDir, path), ...options })
    }
    case 's3': {
      // A quarter of what a process loads as it starts, for those alone that have such a pool.
      const { openS3Storage } = await import('./s3.ts')
      return openS3Storage(parseSettings(pool, s3Settings), readVariable)
    }
    default:
      throw wrongSettings(`Storage pool ${pool.id} is of the unknown kind ${JSON.stringify(pool.kind)}.`)
  }
}

/**
 * Throws VALIDATION_FAILED, with every field that is wrong, for a pool that could not be opened by what is said of it. Does
 * not ask whether it can be reached.
 */
export function checkSettings(pool: { kind: string; settings: unknown }): void {
  const schema = schemas.get(pool.kind)
  const errors = schema
    ? (schema.safeParse(pool.settings).error?.issues ?? []).map(({ path, message }) => {
        return { field: ['settings', ...path].join('.'), message }
      })
    : [{ field: 'kind', message: `must be one of ${[...schemas.keys()].join(', ')}` }]
  if (errors.length === 0) return
  const named = errors.map(({ field, message }) => `${field}: ${message}`).join('; ')
  throw new AppError('VALIDATION_FAILED', `The pool is not valid: ${named}`, { details: { errors } })
}

function parseSettings<T>(pool: { id: string; settings: unknown }, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(pool.settings)
  if (parsed.success) return parsed.data
  throw wrongSettings(`The settings of storage pool ${pool.id} are wrong: ${z.prettifyError(parsed.error)}`)
}

function wrongSettings(message: string): AppError {
  return new AppError('INTERNAL', message, { cause: new PoolFault('SETTINGS_WRONG', message) })
}
