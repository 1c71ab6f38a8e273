import { isAbsolute, relative, resolve, sep } from 'node:path'
import { z } from 'zod'
import type { PoolKind } from './open.ts'

type Place = { kind: string; settings: unknown }

const local = z.object({ path: z.string() })
const bucket = z.object({
  endpoint: z.string().optional(),
  region: z.string().optional(),
  bucket: z.string(),
  prefix: z.string().default(''),
  pathStyle: z.boolean().optional(),
})
const credentials = z.object({
  credentials: z
    .object({ accessKeyId: z.string(), secretAccessKey: z.string(), sessionToken: z.string().optional() })
    .optional(),
})

/**
 * What says where a pool's bytes lie; the same for settings that differ only in how they are got at. Of settings that no pool
 * can have, nothing is the same.
 */
export function placeOf(pool: Place, dataDir: string): string {
  if (pool.kind === ('local' satisfies PoolKind)) {
    const { data } = local.safeParse(pool.settings)
    return JSON.stringify(data ? resolve(dataDir, data.path) : pool.settings)
  }
  const { data } = bucket.safeParse(pool.settings)
  if (!data) return JSON.stringify(pool.settings)
  const { endpoint, region, prefix, pathStyle } = data
  return JSON.stringify([endpoint, endpoint === undefined ? region : undefined, data.bucket, pathStyle, prefix])
}

/** Whether two pools share a place, or one lies inside the other: each would take the other's bytes for leftovers of its own. */
export function overlap(one: Place, other: Place, dataDir: string): boolean {
  if (one.kind !== other.kind) return false
  if (one.kind === ('local' satisfies PoolKind)) {
    const [a, b] = [one, other].map(({ settings }) => local.safeParse(settings).data)
    return (
      a !== undefined && b !== undefined && isNested(resolve(dataDir, a.path) + sep, resolve(dataDir, b.path) + sep)
    )
  }
  const [a, b] = [one, other].map(({ settings }) => bucket.safeParse(settings).data)
  if (!a || !b || a.bucket !== b.bucket || hostOf(a.endpoint) !== hostOf(b.endpoint)) return false
  return isNested(a.prefix, b.prefix)
}

function isNested(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one)
}

function hostOf(endpoint: string | undefined): string | undefined {
  return endpoint === undefined ? undefined : new URL(endpoint).host
}

/** What each part of a pool's credentials may be called, so that a secret is never sent where a name is. */
const partNames = {
  accessKeyId: { name: /KEY_ID$/, ends: 'KEY_ID' },
  secretAccessKey: { name: /SECRET(_KEY|_ACCESS_KEY)?$/, ends: 'SECRET, SECRET_KEY or SECRET_ACCESS_KEY' },
  sessionToken: { name: /TOKEN$/, ends: 'TOKEN' },
} as const

/**
 * What is wrong with a pool that somebody wants to have who rules over the API and not over the machine: field by field. A
 * folder must lie below one of `localRoots`, which are absolute; an S3 pool's variables are told apart by their names.
 */
export function notForDelegates(
  pool: Place,
  { dataDir, localRoots }: { dataDir: string; localRoots: readonly string[] },
): { field: string; message: string }[] {
  if (pool.kind === ('local' satisfies PoolKind)) {
    const path = resolve(dataDir, local.parse(pool.settings).path)
    if (localRoots.some((root) => isBelow(path, root))) return []
    return [
      { field: 'settings.path', message: 'must lie below pools/ in the data folder, or below a folder that is set' },
    ]
  }
  const named = credentials.parse(pool.settings).credentials ?? {}
  return Object.entries(partNames).flatMap(([part, { name, ends }]) => {
    const variable: unknown = Reflect.get(named, part)
    if (typeof variable !== 'string' || name.test(variable)) return []
    return [{ field: `settings.credentials.${part}`, message: `must be the name of a variable that ends with ${ends}` }]
  })
}

function isBelow(path: string, root: string): boolean {
  const way = relative(root, path)
  return way !== '' && !isAbsolute(way) && way.split(sep)[0] !== '..'
}
