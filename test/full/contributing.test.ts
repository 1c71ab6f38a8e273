import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'
import { examplesIn } from '../support/examples.ts'

const heading = '## A new task type in ten minutes'
/** What is no source, or is made of them. */
const left = new Set(['node_modules', 'dist', '.git', '.longshore', 'coverage'])

/** The change that CONTRIBUTING.md makes by example, in a copy of the tree, and what it says must pass. */
describe('the new task type of CONTRIBUTING.md', () => {
  let folder: string
  const run = (command: string, ...args: string[]): Promise<string> =>
    new Promise((resolve, reject) => {
      const env = { ...process.env, NODE_OPTIONS: '', VITEST: '' }
      execFile(command, args, { cwd: folder, env, maxBuffer: 2 ** 26 }, (cause, stdout, stderr) => {
        if (cause) reject(new Error(`${command} ${args.join(' ')}:\n${stdout}\n${stderr}`, { cause }))
        else resolve(stdout + stderr)
      })
    })

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-contributing-'))
    const isSource = (path: string): boolean => !left.has(basename(path)) && !basename(path).startsWith('dist.')
    await cp(packageRoot(), folder, { recursive: true, filter: isSource })
    // Linked file by file where that can be done: types must be found in a folder of the tree's own.
    const [from, to] = [join(packageRoot(), 'node_modules'), join(folder, 'node_modules')]
    await run('cp', '-al', from, to).catch(() => run('cp', '-a', from, to))
    const files = await examplesIn('CONTRIBUTING.md', 'ts', heading)
    for (const code of files) await writeFile(join(folder, pathOf(code)), code.slice(code.indexOf('\n') + 1))
    for (const change of await examplesIn('CONTRIBUTING.md', 'diff', heading)) {
      const path = join(folder, pathOf(change))
      await writeFile(path, changed(await readFile(path, 'utf8'), change))
    }
    expect(files.map(pathOf)).toEqual(['src/jobs/file-digest.ts', 'test/jobs/file-digest.test.ts'])
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('is formatted, passes the rules, has true types and nothing unused', async () => {
    const theirs = ['src/jobs/file-digest.ts', 'src/jobs/index.ts', 'test/jobs/file-digest.test.ts']
    await run('npx', 'biome', 'format', ...theirs)
    await run('npx', 'oxlint', '--type-aware', '--deny-warnings', ...theirs)
    expect(await run('npx', 'tsc', '-p', 'tsconfig.json')).toBe('')
    expect(await run('npm', 'run', '-s', 'unused')).toBe('')
  })

  it('does what its own test says', async () => {
    expect(await run('npx', 'vitest', 'run', 'test/jobs/file-digest.test.ts')).toMatch(/Tests .*2 passed/)
  })
})

/** The first line of a block says which file it is, or changes. */
function pathOf(block: string): string {
  const path = /^\s*\/\/ (\S+)\n/.exec(block)?.[1]
  if (path === undefined) throw new Error(`no path in the first line of ${block}`)
  return path
}

/** Puts each line with a plus before the next line without one, which must be there once. */
function changed(text: string, change: string): string {
  let [made, added] = [text, '']
  for (const line of change.split('\n').slice(1)) {
    if (line.startsWith('+')) added += `${line.slice(1)}\n`
    if (added === '' || !line.startsWith(' ')) continue
    const [before, after, ...more] = `\n${made}`.split(`\n${line.slice(1)}\n`)
    if (before === undefined || after === undefined || more.length > 0) throw new Error(`"${line}" is not there once`)
    made = `${before}\n${added}${line.slice(1)}\n${after}`.slice(1)
    added = ''
  }
  return made
}
