import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../src/package-root.ts'
import { openStage, type Stage } from './stage.ts'
import type { SystemOptions } from './system.ts'

/** A stage whose processes can be made to take 300 ms for every read of a file. */
export type SlowStage = Stage & { setSlow: (isSlow: boolean) => Promise<void> }

export async function openSlowStage({ env, ...options }: Omit<SystemOptions, 'databaseUrl'> = {}): Promise<SlowStage> {
  const slowDisk = pathToFileURL(join(packageRoot(), 'test', 'support', 'slow-disk.mjs'))
  const stage = await openStage({ ...options, env: { ...env, NODE_OPTIONS: `--import=${slowDisk}` } })
  const mark = join(stage.system.dataDir, 'slow')
  return { ...stage, setSlow: (isSlow) => (isSlow ? writeFile(mark, '') : rm(mark, { force: true })) }
}
