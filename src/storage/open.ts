import { resolve } from 'node:path'
import { z } from 'zod'
import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import type { Storage } from './contract.ts'
import { openLocalStorage } from './local.ts'

const localSettings = z.strictObject({ path: z.string().min(1) })

export type OpenOptions = { dataDir: string; uploadsPath: string | undefined; log: Log }

/**
 * Opens a pool by its kind and settings. A local pool's path is taken from `dataDir` unless it is absolute, so that a data
 * folder can be moved whole. `uploadsPath` is where local pools keep unfinished uploads, if not in themselves.
 * Fails with INTERNAL, naming the pool, when its kind is unknown or its settings are wrong, and as the kind's own
 * opening does.
 */
export async function openStorage(
  pool: { id: string; kind: string; settings: unknown },
  { dataDir, ...options }: OpenOptions,
): Promise<Storage> {
  switch (pool.kind) {
    case 'local': {
      const { path } = parseSettings(pool, localSettings)
      return openLocalStorage({ rootPath: resolve(dataDir, path), ...options })
    }
    default:
      throw new AppError('INTERNAL', `Storage pool ${pool.id} is of the unknown kind ${JSON.stringify(pool.kind)}.`)
  }
}

function parseSettings<T>(pool: { id: string; settings: unknown }, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(pool.settings)
  if (parsed.success) return parsed.data
  throw new AppError(
    'INTERNAL',
    `The settings of storage pool ${pool.id} are wrong: ${z.prettifyError(parsed.error)}`,
    {
      cause: parsed.error,
    },
  )
}
