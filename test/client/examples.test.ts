import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'
import { examplesIn } from '../support/examples.ts'
import { commandPath } from '../support/longshore-command.ts'
import { sdkUser } from '../support/sdk.ts'
import { openStage, type Stage } from '../support/stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.close())

const sdk = pathToFileURL(join(packageRoot(), 'dist/src/client/node.js')).href

/** Runs blocks of code as one program, with what they say is there beforehand. Answers what they print. */
async function run(blocks: readonly string[]): Promise<string[]> {
  const { folder, token } = await sdkUser()
  const home = `globalThis.exampleHome ??= fileResumeStore(${JSON.stringify(join(folder, 'notes'))})\n`
  const given = `const [url, token, folder] = ${JSON.stringify([stage.system.urls[0], token, folder])}\n`
  const code = blocks
    .join('\n')
    .replaceAll("'longshore/client'", JSON.stringify(sdk))
    .replaceAll('createClient({ url, token })', 'createClient({ url, token, resumeStore: globalThis.exampleHome })')
  const path = join(folder, 'example.mjs')
  await writeFile(path, `import { fileResumeStore } from ${JSON.stringify(sdk)}\n${home}${given}${code}`)
  const lines: string[] = []
  const log = vi.spyOn(console, 'log').mockImplementation((...words) => void lines.push(words.join(' ')))
  try {
    await import(/* @vite-ignore */ pathToFileURL(path).href)
  } finally {
    log.mockRestore()
  }
  return lines
}

test('every example of docs/sdk.md runs, and prints what it says', async () => {
  const blocks = await examplesIn('docs/sdk.md', 'js')
  expect(blocks.length).toBeGreaterThan(8)
  const lines = await run(blocks)
  const promised = blocks.join('\n').matchAll(/console\.log\(.*\) *\/\/ (\S+)/g)
  for (const [, words] of promised) expect(lines.some((line) => line.startsWith(String(words)))).toBe(true)
  expect(lines.filter((line) => line.startsWith('600000 true'))).toHaveLength(1)
  expect(lines).toContainEqual(expect.stringMatching(/^3 task\.completed/))
  expect(lines).toContain('account live')
})

test("the README's program runs", async () => {
  const { folder, token } = await sdkUser()
  const [program = ''] = await examplesIn('README.md', 'js', '## From a program')
  const film = Buffer.alloc(3_000_000, 'film')
  await writeFile(join(folder, 'film.mp4'), film)
  const code = program.replace("'longshore/client'", JSON.stringify(sdk)).replace('http://127.0.0.1:8080', url())
  await writeFile(join(folder, 'program.mjs'), code)
  const env = { PATH: process.env['PATH'], HOME: folder, TOKEN: token }
  const { stdout } = await promisify(execFile)(process.execPath, ['program.mjs'], { cwd: folder, env })
  expect(stdout).toMatch(/done 100\n$/)
  const zip = await readFile(join(folder, 'film.zip'))
  expect(zip.subarray(0, 2).toString()).toBe('PK')
})

test("the README's commands run", async () => {
  const { folder, token } = await sdkUser()
  const [commands = ''] = await examplesIn('README.md', 'sh', '## From the command line')
  const film = Buffer.alloc(3_000_000, 'film')
  await writeFile(join(folder, 'film.mp4'), film)
  await writeFile(join(folder, 'README.md'), 'read me')
  const script = [
    'set -e',
    'shopt -s expand_aliases',
    `npm() { echo ${token}; }`,
    commands.replace('$PWD/dist/src/cli/main.js', commandPath).replace('http://127.0.0.1:8080', url()),
  ].join('\n')
  const env = { PATH: process.env['PATH'], HOME: folder }
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: folder, env })
  expect(stdout).toMatch(/^[0-9a-f-]{36} {2}(film\.mp4|README\.md)$/m)
  expect(stdout).toMatch(/^resultFileId: [0-9a-f-]{36}$/m)
  expect((await readFile(join(folder, 'copy.mp4'))).equals(film)).toBe(true)
})

test('docs/quickstart.md does what it says, from the shell and from a program', async () => {
  const { folder, token } = await sdkUser()
  const [, requests = ''] = await examplesIn('docs/quickstart.md', 'sh')
  const [program = ''] = await examplesIn('docs/quickstart.md', 'js')
  const env = { PATH: process.env['PATH'], HOME: folder, URL: url(), TOKEN: token }
  const options = { cwd: folder, env }
  const { stdout: events } = await promisify(execFile)('bash', ['--norc', '-eo', 'pipefail', '-c', requests], options)
  expect(events).toMatch(/event: task\.completed\n/)
  await writeFile(join(folder, 'program.mjs'), program.replace("'longshore/client'", JSON.stringify(sdk)))
  const { stdout } = await promisify(execFile)(process.execPath, ['program.mjs'], options)
  expect(stdout).toBe('film.zip Completed\n')
  expect((await readFile(join(folder, 'film.zip'))).subarray(0, 2).toString()).toBe('PK')
})

const url = (): string => stage.system.urls[0] ?? ''
