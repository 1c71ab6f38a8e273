import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

const project = join(import.meta.dirname, '..')
const fixture = join(import.meta.dirname, 'fixtures', 'arrows')
const oxlint = join(project, 'node_modules', 'oxlint', 'bin', 'oxlint')
const reportSchema = z.object({
  diagnostics: z.array(z.object({ filename: z.string(), code: z.string(), message: z.string() })),
})

type Finding = { file: string; rule: string; message: string }

/** Each file of the fixture that imports what it may not, and the import that is named for it. */
const forbidden = {
  'src/attic/box.ts': 'src/attic/box.ts is in no room',
  'src/client/imports-a-value.ts': 'client may not import contract',
  'src/db/imports-http-from-afar.ts': 'db may not import http',
  'src/db/imports-http.ts': 'db may not import http',
  'src/errors.ts': 'errors may not import log',
  'src/files/imports-uploads.ts': 'files may not import uploads',
  'src/http/imports-launch.ts': 'http may not import launch',
  'src/http/imports-main.ts': 'http may not import main',
  'src/http/imports-the-build.ts': 'http may not import dist/src/db/rows.js',
  'src/http/imports-workers.ts': 'http may not import workers',
  'src/http/passes-a-room-on.ts': 'http may not import realtime',
  'src/http/passes-realtime-on.ts': 'http may not import realtime',
  'src/jobs/imports-http.ts': 'jobs may not import http',
  'src/launch/imports-tasks.ts': 'launch may not import tasks',
  'src/queue/imports-auth.ts': 'queue may not import auth',
  'src/realtime/imports-a-job.ts': 'realtime may not import jobs',
  'src/storage/imports-a-type-of-http.ts': 'storage may not import http',
  'src/storage/names-a-type-of-http.ts': 'storage may not import http',
  'src/tasks/loads-jobs-later.ts': 'tasks may not import jobs/index',
  'src/uploads/imports-config.ts': 'uploads may not import config',
  'workers/imports-config.ts': 'workers may not import config',
  'workers/imports-one-job.ts': 'workers may not import jobs',
}

describe('the lint rules', () => {
  let findings: Finding[] = []
  let folder = ''

  beforeAll(async () => {
    folder = await layOutProject()
    await writeLines(join(folder, 'src/tasks/lines-250.ts'), 250)
    await writeLines(join(folder, 'src/tasks/lines-251.ts'), 251)
    await writeFunction(join(folder, 'src/tasks/function-60.ts'), 60)
    await writeFunction(join(folder, 'src/tasks/function-61.ts'), 61)
    findings = await lint(folder)
  }, 60_000)

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('report every forbidden import, and no allowed one', () => {
    const arrows = findings.filter(({ rule }) => rule === 'longshore(arrows)')
    const reported = arrows.map(({ file, message }) => [file, message.split('. ')[0]])
    expect(Object.fromEntries(reported)).toEqual(forbidden)
    expect(reported).toHaveLength(Object.keys(forbidden).length)
  })

  it('say what a room may import instead', () => {
    const finding = findings.find(({ file }) => file === 'src/db/imports-http.ts')
    expect(finding?.message).toContain('It may import itself and contract, errors, log')
  })

  it.each([
    ['import(no-cycle)', ['src/tasks/cycle-a.ts', 'src/tasks/cycle-b.ts']],
    ['eslint(max-lines)', ['src/tasks/lines-251.ts']],
    ['eslint(max-lines-per-function)', ['src/tasks/function-61.ts']],
    ['node(no-process-env)', ['src/tasks/reads-environment.ts']],
    ['import(no-default-export)', ['src/tasks/default-export.ts']],
    ['typescript(no-floating-promises)', ['src/tasks/forgets-a-promise.ts']],
    ['typescript(no-explicit-any)', ['src/tasks/believes-anything.ts']],
    ['typescript(no-non-null-assertion)', ['src/tasks/insists.ts']],
    ['longshore(names)', ['src/tasks/task-utils.ts']],
  ])('%s reports %j alone', (rule, files) => {
    const reported = findings.filter((finding) => finding.rule === rule).map(({ file }) => file)
    expect(reported.toSorted()).toEqual(files)
  })
})

describe('the table of rooms', () => {
  it('names every file and folder of src/', async () => {
    const folder = await realpath(await mkdtemp(join(tmpdir(), 'longshore-rooms-')))
    const entries = await readdir(join(project, 'src'), { withFileTypes: true })
    const files = entries.map((entry) => (entry.isDirectory() ? `src/${entry.name}/room.ts` : `src/${entry.name}`))
    try {
      await copyRules(folder)
      for (const file of files) await writeLines(join(folder, file), 1)
      await writeLines(join(folder, 'src/no-such-room/room.ts'), 1)
      expect(files).toContain('src/db/room.ts')
      expect((await lint(folder)).map(({ file }) => file)).toEqual(['src/no-such-room/room.ts'])
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }, 60_000)
})

/** The rules go by path, so the fixture is laid out like the project, beside a copy of the project's own rules. */
async function layOutProject(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'longshore-arrows-')))
  await cp(fixture, folder, { recursive: true })
  await copyRules(folder)
  return folder
}

async function copyRules(folder: string): Promise<void> {
  for (const path of ['.oxlintrc.json', 'lint', 'tsconfig.json', 'package.json']) {
    await cp(join(project, path), join(folder, path), { recursive: true })
  }
  await symlink(join(project, 'node_modules'), join(folder, 'node_modules'))
}

async function writeLines(path: string, count: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, Array.from({ length: count }, (_, index) => `export const line${index} = ${index}\n`).join(''))
}

async function writeFunction(path: string, count: number): Promise<void> {
  const statements = Array.from({ length: count - 3 }, (_, index) => `  lines.push(${index})\n`).join('')
  await writeFile(path, `export function fill(lines: number[]): number[] {\n${statements}  return lines\n}\n`)
}

async function lint(folder: string): Promise<Finding[]> {
  const folders = (await readdir(folder)).filter((name) => ['src', 'workers', 'scripts'].includes(name))
  const options = { cwd: folder, maxBuffer: 16 * 1024 * 1024 }
  const report = await new Promise<string>((resolve) => {
    // Findings make the linter's exit code 1, which is no failure here; a report that is none fails below.
    execFile(process.execPath, [oxlint, '--type-aware', '-f', 'json', ...folders], options, (_error, stdout) => {
      resolve(stdout)
    })
  })
  const { diagnostics } = reportSchema.parse(JSON.parse(report))
  return diagnostics.map(({ filename, code, message }) => ({ file: filename, rule: code, message }))
}
