import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { startProcess } from '../support/process.ts'

it('leaves no process and no file behind when it is stopped in the middle', { timeout: 90_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-test-'))
  // As root, Postgres runs as another user, who must be able to pass through.
  await chmod(folder, 0o711)
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const chaos = startProcess({
    file: 'scripts/chaos.js',
    args: ['--engine', 'postgres', '--rounds', '2', '--seed', '3'],
    env: { TMPDIR: folder },
  })
  await chaos.waitForText('round 1 of 2', 60_000)
  expect(chaos.output()).toMatch(/^seed 3 /)
  const started = await processesUnder(folder)
  // Itself, Postgres, two of each of ours.
  expect(started.length).toBeGreaterThanOrEqual(process.platform === 'linux' ? 6 : 0)
  chaos.kill('SIGINT')
  expect(await chaos.exited).toEqual({ code: 1, signal: null })
  expect(chaos.output()).toContain('stopped before it was done')
  expect(await processesUnder(folder)).toEqual([])
  expect(await readdir(folder)).toEqual([])
})

it('says in one line what it does not understand', async () => {
  const chaos = startProcess({ file: 'scripts/chaos.js', args: ['--engine', 'kafka'] })
  expect(await chaos.exited).toEqual({ code: 2, signal: null })
  expect(chaos.output()).toBe('--engine must be redis or postgres, not "kafka". --help shows the options.')
})

/** Processes that were given this folder for temporary files, or have their data in it; none where /proc is not there. */
async function processesUnder(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))
  const read = (pid: string, file: string) => readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => '')
  const traces = await Promise.all(pids.map(async (pid) => (await read(pid, 'cmdline')) + (await read(pid, 'environ'))))
  return pids.filter((_, index) => traces[index]?.includes(folder))
}
