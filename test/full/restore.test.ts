import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { packageRoot } from '../../src/package-root.ts'
import { type Client, createClient } from '../../src/client/node.ts'
import { clientOf } from '../support/client.ts'
import { startProcess } from '../support/process.ts'
import { type SdkUser, sdkUser } from '../support/sdk.ts'
import { findSystemPostgres, startSystemPostgres, type SystemPostgres } from '../support/system-postgres.ts'
import { secret, startSystem, type TestSystem, until } from '../support/system.ts'
import { withTestTypes } from '../support/tasks.ts'

const programs = findSystemPostgres()

/** The commands that docs/operations.md has for it, in their order. */
async function documentedCommands(): Promise<string[]> {
  const text = await readFile(join(packageRoot(), 'docs/operations.md'), 'utf8')
  const [, section = ''] = /^## Backup and restore$([\s\S]*?)^## /m.exec(text) ?? []
  const blocks = [...section.matchAll(/^```sh$([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
  return blocks.flatMap((block) => block.trim().split('\n'))
}

describe.skipIf(programs === undefined)('a backup, made while everything runs, and its restore', () => {
  let servers: SystemPostgres[] = []
  let before: TestSystem
  let after: TestSystem
  let user: SdkUser
  let client: Client
  let folder: string

  const kept = randomBytes(3_000_000)
  const removed = randomBytes(200_000)
  const ids = { kept: '', removed: '', running: '', waiting: '', paused: '', upload: '' }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-backup-'))
    servers = await Promise.all([1, 2].map(() => startSystemPostgres(programs ?? '')))
    await migrate(servers[0]?.databaseUrl ?? '')
    user = await sdkUser({ admin: true })
  })
  afterAll(async () => {
    await before?.stop()
    await after?.stop()
    for (const server of servers) await server.stop()
    await rm(folder, { recursive: true, force: true })
  })

  it('is made by the commands of the docs', async () => {
    before = await startSystem({ databaseUrl: servers[0]?.databaseUrl ?? '', env: withTestTypes })
    client = openClient(before, user)
    ids.kept = (await client.upload(kept, { fileName: 'kept.bin' })).id
    ids.removed = (await client.upload(removed, { fileName: 'removed.bin' })).id
    const count = (name: string, to: number) => client.tasks.create({ type: 'Count', name, parameters: { to } })
    ids.running = (await count('Runs', 400)).taskId
    ids.paused = (await count('Pauses', 100)).taskId
    ids.waiting = (await client.tasks.create({ type: 'Echo', after: [ids.running] })).taskId
    await client.tasks.pause(ids.paused)
    const raw = await clientOf(before.urls[0] ?? '', user.account)
    const begun = randomBytes(250_000)
    const made = await raw.create(begun, { fileName: 'begun.bin', chunkSize: 100_000 })
    ids.upload = String(made.body['taskId'])
    expect((await raw.putChunk(ids.upload, 0, begun.subarray(0, 100_000))).status).toBe(200)
    await until(async () => ((await client.tasks.get(ids.running)).progress >= 5 ? true : undefined))

    await mkdir(join(folder, 'pools'))
    const [dump = '', copy = ''] = await documentedCommands()
    expect([dump, copy]).toEqual([expect.stringMatching(/^pg_dump /), expect.stringMatching(/^rsync .*exclude/)])
    await run(dump, servers[0], before.dataDir)
    // Between the two, somebody removes a file for good, and another one comes.
    await client.files.delete(ids.removed)
    await client.files.emptyTrash()
    await client.upload(randomBytes(1000), { fileName: 'later.bin' })
    await run(copy, servers[0], before.dataDir)
  })

  it('brings every file back byte for byte, and what was under way goes on', async () => {
    await before.stop()
    const restored = join(folder, 'restored')
    await mkdir(join(restored, 'pools'), { recursive: true })
    const [, , restore = '', copy = '', migrations = '', doctor = ''] = await documentedCommands()
    expect(doctor).toMatch(/^npm run -s doctor/)
    for (const command of [restore, copy, migrations]) await run(command, servers[1], restored)
    const databaseUrl = servers[1]?.databaseUrl ?? ''
    after = await startSystem({ databaseUrl, env: { ...withTestTypes, DATA_DIR: restored } })
    await after.apis[0]?.waitForLog((line) => line['msg'] === 'the ledger was restored from another server')
    const again = openClient(after, user)

    for (const [id, bytes] of [
      [ids.kept, kept],
      [ids.removed, removed],
    ] as const) {
      const path = join(folder, id)
      await again.files.downloadTo(id, path)
      expect((await readFile(path)).equals(bytes)).toBe(true)
    }
    expect((await again.files.list()).items.map(({ name }) => name).sort()).toEqual(['kept.bin', 'removed.bin'])

    const ended = (taskId: string) =>
      until(async () => {
        const task = await again.tasks.get(taskId)
        return task.completedAt === null ? undefined : task
      })
    expect((await again.tasks.get(ids.paused)).status).toBe('Paused')
    await again.tasks.resume(ids.paused)
    const { status, results } = await ended(ids.running)
    const began = results?.['beganAt'] as number[]
    expect([status, began.length, (began[1] ?? 0) > 0]).toEqual(['Completed', 2, true])
    expect((await ended(ids.waiting)).status).toBe('Completed')
    expect((await ended(ids.paused)).status).toBe('Completed')
    // Its chunks are in no backup: the doctor says so, and mends it so that its client begins anew.
    const settings = { DATABASE_URL: databaseUrl, DATA_DIR: restored, AUTH_JWT_SECRET: secret }
    const found = await examined(settings)
    expect([found.code, found.kinds]).toEqual([1, ['upload-without-staging']])
    expect((await examined(settings, '--mend')).code).toBe(0)
    expect(await examined(settings)).toEqual({ code: 0, kinds: [] })
    expect((await again.uploads.get(ids.upload)).status).toBe('Expired')
    const fresh = await again.upload(randomBytes(1000), { fileName: 'fresh.bin' })
    expect(fresh.size).toBe(1000)
  })

  /** Runs a command with this machine's places for those that the docs have. */
  async function run(command: string, server: SystemPostgres | undefined, dataDir: string): Promise<void> {
    const placed = command
      .replace('backup:/longshore/pools/', `${folder}/pools/`)
      .replace('/srv/longshore/pools/', `${dataDir}/pools/`)
      .replace('node dist/', `'${process.execPath}' ${packageRoot()}/dist/`)
    const env = {
      PATH: `${programs}${delimiter}${process.env['PATH']}`,
      DATABASE_DIRECT_URL: server?.databaseUrl,
      DATABASE_URL: server?.databaseUrl,
    }
    await promisify(execFile)('sh', ['-ec', placed], { cwd: folder, env })
  }
})

function openClient(system: TestSystem, { token }: SdkUser): Client {
  const noStore = { get: async () => undefined, set: async () => {}, delete: async () => {} }
  return createClient({ url: system.urls[0] ?? '', token, resumeStore: noStore })
}

/** What the doctor finds. */
async function examined(
  env: Record<string, string>,
  ...args: string[]
): Promise<{ code: number | null; kinds: string[] }> {
  const doctor = startProcess({ file: 'scripts/doctor.js', args: ['--json', ...args], env })
  const { code } = await doctor.exited
  const { findings }: { findings: { kind: string }[] } = JSON.parse(doctor.output())
  return { code, kinds: findings.map(({ kind }) => kind) }
}
