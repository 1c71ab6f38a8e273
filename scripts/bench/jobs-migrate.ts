import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { JobBenchmark } from './job-benchmark.ts'
import { addLocalPool, fillPool, runTask } from './local-pools.ts'
import { median } from './measure.ts'
import { shown } from './report.ts'
import { startTaskStack, type TaskStack } from './tasks-stack.ts'

const run = promisify(execFile)
const fileBytes = 16 * 1024
const targetPerSecond = 300
const ours = 'ours, StorageMigration'
/** What StorageMigration does unless it is told otherwise. */
const filesAtOnce = 4

type Subject = { name: string; work: () => Promise<void>; filesPerSecond: number[] }
type Scene = { stack: TaskStack; count: number; folder: string }

/**
 * Migrates a pool of small files to another one, from the request to its end, in turn with what copies them outside of any
 * ledger, and prints the medians. Answers what failed, a line each. Slowness is no failure.
 */
export async function benchMigrate(options: JobBenchmark, print: (text: string) => void): Promise<string[]> {
  const count = options.brief ? 300 : 10_000
  const stack = await startTaskStack({ slots: 4, parentFolder: options.parentFolder ?? tmpdir() })
  try {
    print(`Node ${process.version}, ${process.platform}, ${cpus().length} CPUs, data in ${stack.dataDir}`)
    print(`${count} files of ${fileBytes / 1024} KiB, ${options.rounds} rounds in turn`)
    let source = await addLocalPool(stack)
    await fillPool(stack, source, Array.from({ length: count }, contentOf))
    const scene = { stack, count, folder: source.folder }
    const migrate = async (): Promise<void> => {
      const next = await addLocalPool(stack)
      await migrateAll(scene, source.poolId, next.poolId)
      source = next
    }
    const subjects: Subject[] = [
      { name: 'cp -r, sha256sum', work: () => copyTree(scene), filesPerSecond: [] },
      { name: 'flushed, in Node', work: () => copyDurably(scene), filesPerSecond: [] },
      { name: ours, work: migrate, filesPerSecond: [] },
    ]
    return await compare(scene, subjects, options.rounds, print)
  } finally {
    await stack.stop()
  }
}

function contentOf(): { bytes: Buffer; sha256: Buffer } {
  const bytes = randomBytes(fileBytes)
  return { bytes, sha256: createHash('sha256').update(bytes).digest() }
}

async function compare(
  { stack, count }: Scene,
  subjects: readonly Subject[],
  rounds: number,
  print: (text: string) => void,
): Promise<string[]> {
  const failures: string[] = []
  for (let round = 1; round <= rounds; round++) {
    for (const { name, work, filesPerSecond } of subjects) {
      await rm(copyIn(stack), { recursive: true, force: true })
      try {
        const startedMs = performance.now()
        await work()
        filesPerSecond.push((1000 * count) / (performance.now() - startedMs))
        print(`round ${round}  ${name}: ${shown(filesPerSecond.at(-1), 0)} files/s`)
      } catch (error) {
        failures.push(`round ${round}, ${name}: ${String(error)}`)
      }
    }
  }
  print(`\nMedians\n${medians(subjects)}`)
  return failures
}

function copyIn({ dataDir }: TaskStack): string {
  return join(dataDir, 'copy')
}

/** Nothing of it is flushed: what the commands do. */
async function copyTree({ stack, folder }: Scene): Promise<void> {
  await run('sh', [
    '-c',
    'cp -r --reflink=never "$0" "$1" && find "$1" -type f -print0 | xargs -0 sha256sum >/dev/null',
    folder,
    copyIn(stack),
  ])
}

/** Reads, sums up, writes, flushes and renames each file, and flushes its folder: what a file costs that may not get lost. */
async function copyDurably({ stack, folder }: Scene): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const waiting = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const copyNext = async (): Promise<void> => {
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      const bytes = await readFile(path)
      createHash('sha256').update(bytes).digest()
      const to = join(copyIn(stack), path.slice(folder.length))
      await mkdir(dirname(to), { recursive: true })
      await flushed(`${to}.new`, 'wx', (handle) => handle.write(bytes))
      await rename(`${to}.new`, to)
      await flushed(dirname(to), 'r')
    }
  }
  await Promise.all(Array.from({ length: filesAtOnce }, copyNext))
}

type Handle = Awaited<ReturnType<typeof open>>

async function flushed(path: string, flags: string, work?: (handle: Handle) => Promise<unknown>): Promise<void> {
  const handle = await open(path, flags)
  try {
    await work?.(handle)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

async function migrateAll({ stack, count }: Scene, sourcePoolId: string, targetPoolId: string): Promise<void> {
  const results = await runTask(stack, 'StorageMigration', { sourcePoolId, targetPoolId })
  if (results['filesProcessed'] !== count) throw new Error(`the migration moved ${JSON.stringify(results)}`)
}

function medians(subjects: readonly Subject[]): string {
  return subjects
    .map(({ name, filesPerSecond }) => {
      const range = `${shown(Math.min(...filesPerSecond), 0)}-${shown(Math.max(...filesPerSecond), 0)}`
      const line = `${name.padEnd(24)}${shown(median(filesPerSecond), 0).padStart(6)} files/s  (${range})`
      return name === ours ? `${line}  (target >= ${targetPerSecond})` : line
    })
    .join('\n')
}
