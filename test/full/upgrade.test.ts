import { randomBytes } from 'node:crypto'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client } from '../../src/client/node.ts'
import { migrate } from '../../src/db/migrate.ts'
import { packageRoot } from '../../src/package-root.ts'
import { clientOf } from '../support/client.ts'
import { listTables } from '../support/filled-tables.ts'
import { createEmptyDatabase, type EmptyDatabase } from '../support/postgres.ts'
import { startProcess } from '../support/process.ts'
import { type SdkUser, sdkUser } from '../support/sdk.ts'
import { openStage } from '../support/stage.ts'
import { startSystem, type TestSystem, until } from '../support/system.ts'
import { withTestTypes } from '../support/tasks.ts'

const kept = randomBytes(1_500_000)
const begun = randomBytes(250_000)

/**
 * Ledgers as they were after each of these migrations, with what people had in them then: rows that the programs themselves wrote, as far
 * as the tables and columns of that time had room for them.
 */
const states = ['0000', '0007', '0014', '0021', '0027', 'all but the last']

describe('the programs on a ledger of an earlier version', () => {
  let user: SdkUser
  let folder: string
  let rows: Map<string, string>
  const ids = { file: '', bundle: '', done: '', broken: '', held: '', left: '', next: '', upload: '' }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'longshore-upgrade-'))
    user = await sdkUser({ admin: true })
    const stage = await openStage({ env: withTestTypes })
    const url = stage.system.urls[0] ?? ''
    await fill(user.open(url), url)
    // What comes now stays as it is, for nobody works any more.
    await rest(user.open(url), stage.system)
    rows = await rowsOf(stage.sql)
    await cp(stage.system.dataDir, join(folder, 'data'), { recursive: true })
    await stage.close()
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it.for(states)('after migration %s serves what was there and goes on with it', async (state) => {
    const database = await createEmptyDatabase()
    await asItWas(database, state)
    const env = { DATABASE_URL: database.databaseUrl }
    const upgraded = startProcess({ file: 'scripts/migrate.js', env })
    expect([(await upgraded.exited).code, upgraded.output()]).toEqual([0, expect.any(String)])
    const dataDir = join(folder, `data-${state}`)
    await cp(join(folder, 'data'), dataDir, { recursive: true })
    const { databaseUrl } = database
    const system = await startSystem({ databaseUrl, env: { ...withTestTypes, DATA_DIR: dataDir } })
    try {
      await expectAll(user.open(system.urls[0] ?? ''), system)
    } finally {
      await system.stop()
      await database.drop()
    }
  })

  async function fill(client: Client, url: string): Promise<void> {
    const bundle = await client.bundles.create({ name: 'Box' })
    const file = await client.upload(kept, { fileName: 'kept.bin' })
    await client.files.moveToBundle(file.id, bundle.id)
    await client.files.tag(file.id, ['red'])
    const done = await client.tasks.run({ type: 'Echo', name: 'Done' })
    const broken = await client.tasks.create({
      type: 'Flaky',
      name: 'Broken',
      parameters: { failures: 0, permanent: true },
    })
    const held = await client.tasks.create({ type: 'Count', name: 'Held', parameters: { to: 60 } })
    await until(async () => ((await client.tasks.get(held.taskId)).progress >= 10 ? true : undefined))
    await client.tasks.pause(held.taskId)
    await until(async () => ((await client.tasks.get(broken.taskId)).status === 'Failed' ? true : undefined))
    const raw = await clientOf(url, user.account)
    const upload = await raw.create(begun, { fileName: 'begun.bin', chunkSize: 100_000 })
    const uploadId = String(upload.body['taskId'])
    expect((await raw.putChunk(uploadId, 0, begun.subarray(0, 100_000))).status).toBe(200)
    Object.assign(ids, { file: file.id, bundle: bundle.id, done: done.taskId, broken: broken.taskId })
    Object.assign(ids, { held: held.taskId, upload: uploadId })
  }

  async function rest(client: Client, { workers }: TestSystem): Promise<void> {
    for (const worker of workers) worker.kill('SIGTERM')
    await Promise.all(workers.map((worker) => worker.exited))
    ids.left = (await client.tasks.create({ type: 'Echo', name: 'Left' })).taskId
    ids.next = (await client.tasks.create({ type: 'Echo', name: 'Next', after: [ids.left] })).taskId
  }

  async function expectAll(client: Client, system: TestSystem): Promise<void> {
    const { items } = await client.files.list()
    expect(items).toMatchObject([
      { id: ids.file, name: 'kept.bin', bundleId: ids.bundle, tags: ['red'], size: kept.length },
    ])
    const path = join(user.folder, 'back.bin')
    await rm(path, { force: true })
    await client.files.downloadTo(ids.file, path)
    expect((await readFile(path)).equals(kept)).toBe(true)
    expect((await client.usage()).usedBytes).toBe(kept.length)

    const ended = (taskId: string) =>
      until(async () => {
        const task = await client.tasks.get(taskId)
        return task.completedAt === null ? undefined : task
      })
    for (const taskId of [ids.left, ids.next]) expect((await ended(taskId)).status).toBe('Completed')
    await client.tasks.resume(ids.held)
    // With the checkpoint that it had when it was paused.
    const { results } = await ended(ids.held)
    expect(results?.['reached']).toBe(60)
    expect(Array.isArray(results?.['beganAt']) && results['beganAt'][1]).toBeGreaterThan(0)
    const tasks = (await client.tasks.list({ limit: 50 })).items.map(({ name, status }) => `${name}: ${status}`)
    const own = ['Broken: Failed', 'Done: Completed', 'Held: Completed', 'Left: Completed', 'Next: Completed']
    expect(tasks.filter((line) => !/begun|kept/.test(line)).sort()).toEqual(own)
    const events = (await client.tasks.events(ids.done)).map(({ type }) => type)
    expect(events).toEqual(['task.created', 'task.started', 'task.completed'])

    const raw = await clientOf(system.urls[0] ?? '', user.account)
    for (const index of [1, 2]) {
      const piece = begun.subarray(index * 100_000, (index + 1) * 100_000)
      expect((await raw.putChunk(ids.upload, index, piece)).status).toBe(200)
    }
    await raw.call('POST', `/api/files/upload/complete/${ids.upload}`, {})
    expect((await ended(ids.upload)).status).toBe('Completed')
    const fresh = await client.upload(randomBytes(1000), { fileName: 'fresh.bin' })
    expect((await client.usage()).usedBytes).toBe(kept.length + begun.length + fresh.size)
  }

  /** Makes a ledger of an earlier state and puts in what it had room for. */
  async function asItWas({ databaseUrl }: EmptyDatabase, state: string): Promise<void> {
    const migrations = join(folder, `migrations-${state}`)
    await cp(join(packageRoot(), 'drizzle'), migrations, { recursive: true })
    const journalPath = join(migrations, 'meta', '_journal.json')
    const journal: { entries: { tag: string }[] } = JSON.parse(await readFile(journalPath, 'utf8'))
    const found = journal.entries.findIndex(({ tag }) => tag.startsWith(state))
    const entries = found === -1 ? journal.entries.slice(0, -1) : journal.entries.slice(0, found + 1)
    await writeFile(journalPath, JSON.stringify({ ...journal, entries }))
    await migrate(databaseUrl, migrations)
    const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
    try {
      await putRows(sql, rows)
    } finally {
      await sql.end()
    }
  }
})

/** All rows of all tables, each table's as JSON. */
async function rowsOf(sql: postgres.Sql): Promise<Map<string, string>> {
  const all = new Map<string, string>()
  for (const table of await listTables(sql)) {
    const [found] = await sql<
      { rows: string }[]
    >`select coalesce(jsonb_agg(to_jsonb(t)), '[]')::text as rows from ${sql(table)} t`
    all.set(table, found?.rows ?? '[]')
  }
  return all
}

/** Puts rows into the tables and columns that are there for them. */
async function putRows(sql: postgres.Sql, rows: ReadonlyMap<string, string>): Promise<void> {
  // The rows are whole; in which order their tables come does not matter.
  await sql`set session_replication_role = replica`
  for (const table of await listTables(sql)) {
    const given = rows.get(table) ?? '[]'
    if (given === '[]') continue
    const columns = await sql<{ name: string; sequence: string | null }[]>`
      select column_name as name, pg_get_serial_sequence(${table}, column_name) as sequence from information_schema.columns
      where table_schema = 'public' and table_name = ${table} and is_generated = 'NEVER'
        and (select bool_or(row ? column_name) from jsonb_array_elements(${given}::text::jsonb) as row)`
    const names = columns.map(({ name }) => `"${name}"`).join(', ')
    await sql`delete from ${sql(table)}`
    await sql.unsafe(
      `insert into "${table}" (${names}) overriding system value select ${names} from jsonb_populate_recordset(null::"${table}", $1::text::jsonb)`,
      [given],
    )
    for (const { name, sequence } of columns) {
      if (sequence !== null) await sql`select setval(${sequence}, (select max(${sql(name)}) from ${sql(table)}))`
    }
  }
}
