import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client, FileView } from '../../src/client/node.ts'
import { type FaultyStore, startFaultyStore } from '../support/faulty-store.ts'
import { type CommandOptions, type CommandResult, commandPath, runLongshore } from '../support/longshore-command.ts'
import { type SdkUser, sdkUser } from '../support/sdk.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { withTestTypes } from '../support/tasks.ts'

let stage: Stage
let network: FaultyStore
let user: SdkUser
let client: Client
let home: string
const kiB = 1024

beforeAll(async () => {
  stage = await openStage({ env: withTestTypes })
  network = await startFaultyStore(stage.system.urls[0] ?? '')
  user = await sdkUser()
  client = user.open(stage.system.urls[0] ?? '')
  home = user.folder
  const signedIn = await longshore(['login', network.endpoint], { input: `${user.token}\n` })
  expect(signedIn).toMatchObject({ code: 0, stdout: '' })
})
afterAll(() => stage.close())

const longshore = (args: readonly string[], options?: CommandOptions): Promise<CommandResult> =>
  runLongshore(home, args, options)
const jsonOf = ({ stdout }: CommandResult) => JSON.parse(stdout)

test('login keeps the server and the token where nobody else reads them; what the environment says goes before', async () => {
  const path = join(home, '.config/longshore/account.json')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({ url: network.endpoint, token: user.token })
  const other = await sdkUser()
  const env = { LONGSHORE_URL: network.endpoint, LONGSHORE_TOKEN: other.token }
  expect((await longshore(['pools', '--json'], { env })).code).toBe(0)
  expect(await longshore(['ls'], { env: { LONGSHORE_TOKEN: 'nonsense' } })).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('TOKEN_INVALID'),
  })
  // The token is not sent to a server that it was not kept for.
  expect(await longshore(['ls', '--url', 'http://127.0.0.1:1'])).toMatchObject({ code: 2 })
})

test('files and folders go up, are listed, come down, and are removed', async () => {
  await mkdir(join(home, 'photos/june'), { recursive: true })
  const [one, two] = [randomBytes(300 * kiB), randomBytes(10)]
  await writeFile(join(home, 'photos/june/1.jpg'), one)
  await writeFile(join(home, 'photos/2.txt'), two)
  const sent = await longshore(['upload', 'photos', '--json', '--expires', '30d'])
  expect(sent).toMatchObject({ code: 0, stderr: '' })
  const files: FileView[] = jsonOf(sent)
  expect(files.map(({ name, contentType }) => `${name} ${contentType}`).sort()).toEqual([
    'photos/2.txt text/plain',
    'photos/june/1.jpg image/jpeg',
  ])
  const [first, second] = ['photos/june/1.jpg', 'photos/2.txt'].map(
    (name) => files.find((file) => file.name === name)?.id ?? '',
  )

  const listed = await longshore(['ls', 'photos/*', '--sort', 'name'])
  expect(listed.stdout).toMatch(/^ID +SIZE +CREATED +NAME\n.*photos\/2\.txt\n.*300\.0 KiB.*photos\/june\/1\.jpg\n$/)
  expect(listed.stdout).toContain(first)

  await mkdir(join(home, 'back'))
  const fetched = await longshore(['download', String(first), String(second), '-o', 'back/'])
  expect(fetched).toMatchObject({ code: 0, stdout: 'back/1.jpg\nback/2.txt\n', stderr: '' })
  expect((await readFile(join(home, 'back/1.jpg'))).equals(one)).toBe(true)
  expect(await longshore(['download', String(second), '-o', 'back/'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--force'),
  })
  expect(await longshore(['rm', String(first), String(second)])).toMatchObject({ code: 0, stdout: '' })
  expect(jsonOf(await longshore(['rm', '--empty-trash', '--json']))).toEqual({ removed: 2 })
  expect(await longshore(['download', String(first)])).toMatchObject({ code: 4 })
})

test('Ctrl-C leaves an upload to be gone on with by the same command, and a download too', async () => {
  const bytes = randomBytes(1000 * kiB)
  await writeFile(join(home, 'large.bin'), bytes)
  const args = ['upload', 'large.bin', '--chunk-size', '100K', '--parallel', '1']
  network.inject({ method: 'PUT' }, { kind: 'stall', forMs: 100, before: 'store' }, 10)
  const begun = until(async () => {
    const [upload] = (await client.uploads.list({ status: 'InProgress' })).items
    return upload !== undefined && upload.chunksUploaded >= 2 ? upload : undefined
  })
  expect(await longshore(args, { interrupt: begun })).toMatchObject({
    code: 130,
    stdout: '',
    stderr: expect.stringContaining('goes on where this one was'),
  })
  const { taskId } = await begun
  const { uploadedChunks } = await client.uploads.get(taskId)
  network.takeRequests()
  const { code, stdout } = await longshore(args)
  expect(code).toBe(0)
  const puts = network.takeRequests().filter((line) => line.startsWith('PUT'))
  // The chunk that was under way may have arrived after all.
  expect(puts.length).toBeLessThanOrEqual(10 - uploadedChunks.length)
  expect(puts.length).toBeGreaterThanOrEqual(10 - uploadedChunks.length - 1)
  const [id = ''] = stdout.split(' ')

  network.inject({ path: '/content' }, { kind: 'cut answer', afterBytes: 400 * kiB, by: 'end' }, 1)
  const stalled = network.inject({ path: '/content' }, { kind: 'stall', forMs: 20_000, before: 'store' }, 1)
  expect(await longshore(['download', id, '-o', 'again.bin'], { interrupt: stalled.next() })).toMatchObject({
    code: 130,
  })
  expect((await readdir(home)).filter((name) => name.endsWith('.part'))).toHaveLength(1)
  expect(await longshore(['download', id, '-o', 'again.bin'])).toMatchObject({ code: 0, stdout: 'again.bin\n' })
  expect((await readFile(join(home, 'again.bin'))).equals(bytes)).toBe(true)
})

test('standard input goes up, standard output comes down, and people see how far it is', async () => {
  const bytes = randomBytes(200 * kiB)
  const piped = await longshore(['upload', '-', '--name', 'piped.bin', '--json'], { input: bytes })
  const [file]: FileView[] = jsonOf(piped)
  expect(file).toMatchObject({ name: 'piped.bin', size: bytes.length })
  const { stdout } = await promisify(execFile)(
    'sh',
    ['-c', `"${process.execPath}" "${commandPath}" download ${file?.id} -o - | sha256sum`],
    { cwd: home, env: { PATH: process.env['PATH'], HOME: home } },
  )
  expect(stdout.slice(0, 64)).toBe(file?.hash)

  await writeFile(join(home, 'seen.bin'), randomBytes(500 * kiB))
  const seen = await longshore(['upload', 'seen.bin', '--chunk-size', '50K'], { terminal: true })
  expect(seen.code).toBe(0)
  expect(seen.stdout).toMatch(/█+░* +\d+ % +[\d.]+ KiB of 500\.0 KiB +[\d.]+ \w+\/s +\d+ s left +seen\.bin/)
})

test('tasks run by flags that their type has, and tell how they ended', async () => {
  const help = await longshore(['run', 'FileCompress', '--help'])
  expect(help.stdout).toMatch(/--compression-format zip\|tar\|tar\.gz/)
  expect(help.stdout).toMatch(/--file-ids TEXT +needed; may be given several times/)
  const file = await client.upload(new Uint8Array(1000), { fileName: 'a.txt' })
  const packed = await longshore([
    'run',
    'FileCompress',
    file.id,
    '--compression-format',
    'tar',
    '--compression-level',
    '1',
    '--json',
  ])
  expect(packed).toMatchObject({ code: 0, stderr: '' })
  expect(jsonOf(packed)).toMatchObject({
    status: 'Completed',
    parameters: { fileIds: [file.id], compressionFormat: 'tar', compressionLevel: 1 },
  })
  expect(await longshore(['run', 'Flaky', '--failures', '0', '--permanent'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('HOPELESS'),
  })
  expect(await longshore(['run', 'Count', '--to', '0'])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('parameters.to'),
  })
  expect(await longshore(['run', 'Count', '--too', '0'])).toMatchObject({ code: 2 })
  expect((await longshore(['run'])).stdout).toMatch(/^Count +Count up$/m)
})

test('tasks are listed, shown, watched and controlled', async () => {
  const { stdout } = await longshore(['run', 'Count', '--to', '100000', '--detach'])
  const id = stdout.trim()
  expect((await longshore(['tasks', 'ls', '--type', 'Count', '--limit', '1'])).stdout).toContain(id)
  expect(await longshore(['tasks', 'pause', id])).toMatchObject({ code: 0, stdout: `${id}  Paused\n` })
  expect((await longshore(['tasks', 'show', id])).stdout).toContain('status: Paused')
  expect(await longshore(['tasks', 'cancel', id])).toMatchObject({ code: 0 })
  const watched = await longshore(['tasks', 'watch', id, '--json'])
  expect(watched.code).toBe(1)
  expect(JSON.parse(watched.stdout.trim().split('\n').at(-1) ?? '')).toMatchObject({ type: 'task.cancelled' })
  expect(await longshore(['tasks', 'show', id.replace(/.$/, 'z')])).toMatchObject({ code: 4 })
  expect(await longshore(['tasks', 'dance', id])).toMatchObject({ code: 2 })
})

test('wrong use, no server, and completion', async () => {
  expect(await longshore(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('upload') })
  expect(await longshore(['uplaod'])).toMatchObject({ code: 2, stdout: '' })
  expect(await longshore(['upload', 'nowhere'])).toMatchObject({ code: 2, stderr: expect.stringContaining('nowhere') })
  const away = { LONGSHORE_URL: 'http://127.0.0.1:9', LONGSHORE_TOKEN: 't' }
  expect(await longshore(['logout'], { env: { XDG_CONFIG_HOME: home } })).toMatchObject({ code: 0 })
  expect(await longshore(['rm', 'x'], { env: away })).toMatchObject({ code: 5 })
  const completion = await longshore(['completion', 'bash'])
  const asked = `${completion.stdout}\nCOMP_WORDS=(longshore tasks re); COMP_CWORD=2; _longshore; echo "\${COMPREPLY[@]}"`
  expect((await promisify(execFile)('bash', ['-c', asked])).stdout.trim()).toBe('resume retry')
})
