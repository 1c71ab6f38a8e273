import { chmod, cp, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { commandLineOf } from '../../src/launch/running-process.ts'
import { packageRoot } from '../../src/package-root.ts'
import { type ProcessOptions, startProcess, type TestProcess } from '../support/process.ts'

export const procfile = (name: string) => join(packageRoot(), 'test/fixtures/launch', name)

/** Starts what `npm start` starts, with stand-ins for the API and the worker and any free port. */
export function startLongshore(
  dataDir: string,
  { args = [procfile('Procfile')], env = {}, ...options }: Partial<ProcessOptions> = {},
): TestProcess {
  return startProcess({ file: 'scripts/start.js', args, env: { PORT: '0', DATA_DIR: dataDir, ...env }, ...options })
}

const listening = z.object({ msg: z.literal('listening'), url: z.url(), pid: z.number(), databaseUrl: z.string() })

export type Ready = { url: string; databaseUrl: string; web: number; worker: number; postgres: number }

/** Waits until Longshore says that it is ready; answers its addresses and the ids of all that it runs. */
export async function untilReady(longshore: TestProcess, dataDir: string): Promise<Ready> {
  await longshore.waitForText('Longshore is ready', 60_000)
  const { url, pid, databaseUrl } = listening.parse(await longshore.waitForLog(({ msg }) => msg === 'listening'))
  const worker = z.object({ pid: z.number() }).parse(await longshore.waitForLog(({ msg }) => msg === 'working')).pid
  const pidFile = join(await databaseFolder(dataDir), 'postmaster.pid')
  const postgres = Number((await readFile(pidFile, 'utf8')).split('\n')[0])
  return { url, databaseUrl, web: pid, worker, postgres }
}

/** Where the database of a DATA_DIR lies, which its note may say. */
export async function databaseFolder(dataDir: string): Promise<string> {
  const home = await readFile(join(dataDir, 'postgres-place'), 'utf8').catch(() => dataDir)
  return join(home.trim(), 'postgres-18')
}

/** Which of these processes still run. */
export async function alive(...pids: number[]): Promise<number[]> {
  const lines = await Promise.all(pids.map(commandLineOf))
  return pids.filter((_, index) => lines[index] !== undefined)
}

/** A folder of the test's own; `close` removes it together with a database kept elsewhere for it. */
export async function temporaryFolder(mode: number): Promise<{ path: string; close(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'longshore-launch-'))
  await chmod(path, mode)
  const close = async () => {
    for (const dataDir of [path, ...(await readdir(path)).map((name) => join(path, name))]) {
      const home = (await readFile(join(dataDir, 'postgres-place'), 'utf8').catch(() => '')).trim()
      if (home !== '') await rm(home, { recursive: true, force: true })
    }
    await rm(path, { recursive: true, force: true, maxRetries: 5 })
  }
  return { path, close }
}

const lockfile = z.object({ packages: z.record(z.string(), z.object({ dev: z.boolean().optional() })) })

/** Copies the built project with the packages it needs to run, as a checkout somewhere else would have them. */
export async function cloneInto(folder: string): Promise<void> {
  const root = packageRoot()
  const { packages } = lockfile.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')))
  const needed = Object.entries(packages).filter(
    ([path, { dev }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && !dev,
  )
  const paths = ['package.json', 'dist', 'drizzle', 'test/fixtures/launch', ...needed.map(([path]) => path)]
  for (const path of paths) {
    // Packages for other platforms are in the list but not on the disk.
    const there = await stat(join(root, path)).catch(() => undefined)
    if (there) await cp(join(root, path), join(folder, path), { recursive: true, verbatimSymlinks: true })
  }
}
