import { renameSync, writeFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../src/package-root.ts'
import { openStage, type Stage, type StageOptions } from './stage.ts'

export type Read = { pid: number; atBytes: number; countBytes: number; path: string }

/** A stage whose processes read files at a pace that is set, and say what they read. Linux only. */
export type PacedStage = Stage & {
  /** From now on each read takes so long; none of a path that has one of the `held` parts ends before that changes. */
  setPace: (readMs: number, held?: readonly string[]) => Promise<void>
  /** Holds reads of one more path. */
  hold: (part: string) => Promise<void>
  /** Every read so far, oldest first. */
  reads: () => Promise<Read[]>
  /** What lies in any of the pools. */
  everyFile: () => Promise<string[]>
}

export async function openPacedStage({ env, ...options }: StageOptions = {}): Promise<PacedStage> {
  const disk = pathToFileURL(join(packageRoot(), 'test', 'support', 'paced-disk.mjs'))
  const stage = await openStage({ ...options, env: { ...env, NODE_OPTIONS: `--import=${disk}` } })
  const { dataDir } = stage.system
  let pace: { readMs: number; held: readonly string[] } = { readMs: 0, held: [] }
  const setPace = async (readMs: number, held: readonly string[] = []): Promise<void> => {
    pace = { readMs, held }
    // At once, because several may be held at the same time.
    writeFileSync(join(dataDir, 'pace.new'), JSON.stringify(pace))
    renameSync(join(dataDir, 'pace.new'), join(dataDir, 'pace'))
  }
  return {
    ...stage,
    setPace,
    hold: (part) => setPace(pace.readMs, [...pace.held, part]),
    everyFile: () => readdir(join(dataDir, 'pools'), { recursive: true }),
    reads: async () => {
      const lines = await readFile(join(dataDir, 'reads.log'), 'utf8').catch(() => '')
      return lines.split('\n').flatMap((line) => {
        const [, pid, atBytes, countBytes, path] = /^(\d+) (\d+) (\d+) (.+)$/.exec(line) ?? []
        if (path === undefined) return []
        return [{ pid: Number(pid), atBytes: Number(atBytes), countBytes: Number(countBytes), path }]
      })
    },
  }
}
