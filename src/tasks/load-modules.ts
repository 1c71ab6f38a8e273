import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import type { Job } from './define-job.ts'

const job = z.custom<Job>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    typeof value.type === 'string' &&
    'run' in value &&
    typeof value.run === 'function' &&
    'check' in value,
  'must be made by defineJob',
)
const taskModule = z.object({ jobs: z.array(job).min(1) })

/**
 * Loads an app's own task types: each module exports `jobs`, an array of what `defineJob` made. Throws an Error that names
 * the module when one cannot be loaded or exports something else.
 */
export async function loadTaskModules(paths: readonly string[]): Promise<Job[]> {
  const loaded = await Promise.all(paths.map(async (path) => readModule(path, await importModule(path))))
  return loaded.flat()
}

async function importModule(path: string): Promise<unknown> {
  try {
    return await import(pathToFileURL(resolve(path)).href)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`TASK_MODULES: ${path} cannot be loaded: ${why}`, { cause })
  }
}

function readModule(path: string, loaded: unknown): Job[] {
  const parsed = taskModule.safeParse(loaded)
  if (parsed.success) return parsed.data.jobs
  throw new Error(`TASK_MODULES: ${path} must export "jobs", an array of what defineJob made`)
}
