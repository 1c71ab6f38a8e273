import { spawn } from 'node:child_process'
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { packageRoot } from '../../src/package-root.ts'

let root: string

/** A small project with an npm and a compiler that only note that they ran. */
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'longshore-prepare-'))
  for (const folder of ['scripts', 'src', 'workers']) await mkdir(join(root, folder))
  await copyFile(join(packageRoot(), 'scripts/prepare.mjs'), join(root, 'scripts/prepare.mjs'))
  for (const file of ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json']) await put(file, '{}')
  await put('src/one.ts', 'one')
  await put('src/two.ts', 'two')
  await put('npm.js', fakeNpm)
  await put('scripts/bundle.mjs', fakeBundle)
})
afterEach(() => rm(root, { recursive: true, force: true }))

describe('prepare', () => {
  it('installs and builds once, and says nothing on stdout', async () => {
    expect(await prepare()).toMatchObject({ code: 0, stdout: '' })
    expect(await ran()).toEqual(['npm ci', 'tsc', 'bundle'])
    expect(await readdir(join(root, 'dist'))).toContain('built.js')
    await prepare()
    expect(await ran()).toEqual(['npm ci', 'tsc', 'bundle'])
  })

  it('installs the build tools even where NODE_ENV is production', async () => {
    await prepare({ NODE_ENV: 'production' })
    expect(await readFile(join(root, 'npm-arguments'), 'utf8')).toContain('--include=dev')
  })

  it('installs again when the lock file has changed', async () => {
    await prepare()
    await put('package-lock.json', '{"changed": true}')
    await prepare()
    expect(await ran()).toEqual(['npm ci', 'tsc', 'bundle', 'npm ci', 'tsc', 'bundle'])
  })

  it.each([
    ['changed', () => put('src/one.ts', 'one, but better')],
    ['added', () => put('workers/three.ts', 'three')],
    ['deleted', () => rm(join(root, 'src/two.ts'))],
  ])('builds again when a source was %s', async (_, change) => {
    await prepare()
    await change()
    await prepare()
    expect(await ran()).toEqual(['npm ci', 'tsc', 'bundle', 'tsc', 'bundle'])
    await prepare()
    expect(await ran()).toHaveLength(5)
  })

  it('lets two at once take turns', async () => {
    const both = await Promise.all([prepare(), prepare()])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    expect(await ran()).toEqual(['npm ci', 'tsc', 'bundle'])
  })

  it('shows the compiler’s errors, fails, and keeps the last good build', async () => {
    await prepare()
    await put('src/one.ts', 'broken')
    const { code, stderr } = await prepare()
    expect(code).toBe(1)
    expect(stderr).toContain('src/one.ts(1,1): error')
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(await readdir(join(root, 'dist'))).toContain('built.js')
    expect(await readdir(root)).not.toContain('dist.next')
  })

  it('fails with what puts the programs together, and keeps the last good build', async () => {
    await prepare()
    await put('src/one.ts', 'endless')
    const { code, stderr } = await prepare()
    expect(code).toBe(1)
    expect(stderr).toContain('one.ts goes round in circles')
    expect(await readdir(join(root, 'dist'))).toContain('bundled.js')
    expect(await readdir(root)).not.toContain('dist.next')
  })

  it('fails with npm when npm fails, and tries again the next time', async () => {
    const { code, stderr } = await prepare({ NPM_FAILS: 'yes' })
    expect(code).toBe(1)
    expect(stderr).toContain('Installing the dependencies failed')
    await prepare()
    expect(await ran()).toEqual(['npm ci', 'npm ci', 'tsc', 'bundle'])
  })
})

const fakeTsc = `#!/bin/sh
echo tsc >> ran
grep -q broken src/one.ts && { echo "src/one.ts(1,1): error"; exit 2; }
mkdir -p "$4" && echo built > "$4/built.js"
`

const fakeBundle = `
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
appendFileSync('ran', 'bundle\\n')
if (readFileSync('src/one.ts', 'utf8') === 'endless') { console.error('one.ts goes round in circles'); process.exit(1) }
writeFileSync(process.argv[2] + '/bundled.js', readFileSync(process.argv[2] + '/built.js'))
`

const fakeNpm = `
const { appendFileSync, mkdirSync, rmSync, writeFileSync } = require('node:fs')
appendFileSync('ran', 'npm ci\\n')
appendFileSync('npm-arguments', process.argv.join(' '))
if (process.env.NPM_FAILS) process.exit(1)
rmSync('node_modules', { recursive: true, force: true })
mkdirSync('node_modules/.bin', { recursive: true })
writeFileSync('node_modules/.bin/tsc', ${JSON.stringify(fakeTsc)}, { mode: 0o755 })
console.log('npm talks a lot')
`

async function put(path: string, content: string): Promise<void> {
  await writeFile(join(root, path), content)
  await chmod(join(root, path), 0o644)
}

async function ran(): Promise<string[]> {
  return (await readFile(join(root, 'ran'), 'utf8')).trim().split('\n')
}

function prepare(env: Record<string, string> = {}): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [join(root, 'scripts/prepare.mjs')], {
    env: { PATH: process.env['PATH'], npm_execpath: join(root, 'npm.js'), ...env },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (piece) => (stdout += piece))
  child.stderr.on('data', (piece) => (stderr += piece))
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })))
}
