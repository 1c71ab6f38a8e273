import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rename, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { insertUpload } from '../../src/db/uploads.ts'
import { openPools, type Pools } from '../../src/files/pools.ts'
import { mendUsage } from '../../src/files/quota.ts'
import { registerJobs } from '../../src/tasks/define-job.ts'
import { type Examination, examine } from '../../src/uploads/examine.ts'
import { uploadStopped } from '../../src/uploads/stop.ts'
import { noTracing } from '../../src/tracing/tracing.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { startProcess } from '../support/process.ts'
import { storedFile } from '../support/stored-file.ts'
import { completed, jobOf } from '../support/worker.ts'

const graceMs = 60_000
const poolId = '550e8400-e29b-41d4-a716-446655440000'

describe('an examination', () => {
  let ledger: Ledger
  let pools: Pools
  let dataDir: string
  let poolPath: string
  const account = randomUUID()

  beforeEach(async () => {
    ledger = await openLedger()
    dataDir = await mkdtemp(join(tmpdir(), 'longshore-doctor-'))
    poolPath = join(dataDir, 'pools', poolId)
    const { storage } = loadConfig({ DATABASE_URL: ledger.databaseUrl, AUTH_JWT_SECRET: 'x'.repeat(32) })
    pools = await openPools(ledger.sql, { ...storage, dataDir, readVariable: () => undefined }, silent)
  })
  afterEach(async () => {
    await ledger.close()
    await rm(dataDir, { recursive: true })
  })

  const look = ({ mends }: { mends: boolean }): Promise<Examination> => {
    const { sql } = ledger
    const stopped: ReturnType<typeof jobOf>['stopped'] = (query, task) =>
      uploadStopped({ sql, pools, log: silent }, query, task)
    const registry = registerJobs([{ ...jobOf(completed), type: 'FileUpload', stopped }])
    const told = { signals: { send: () => {} }, dispatcher: { admit: () => {} }, tracing: noTracing }
    const verbs = { registry, sealer: undefined, ...told }
    return examine({ sql, pools, log: silent, ...verbs }, { graceMs, mends })
  }
  const kinds = ({ findings }: Examination) =>
    Object.fromEntries(findings.map(({ kind, count, mended }) => [kind, [count, mended]]))

  /** A file in the default pool; answers where its bytes lie. */
  const addFile = async (sizeBytes: number): Promise<{ id: string; objectId: string; path: string }> => {
    const id = await storedFile({ sql: ledger.sql, poolPath }, { account }, Buffer.alloc(sizeBytes, 'a'))
    const [row] = await ledger.sql<[{ objectId: string; key: string }]>`
      select object_id, key from files join objects on objects.id = object_id where files.id = ${id}`
    await mendUsage({ sql: ledger.sql, log: silent })
    return { id, objectId: row.objectId, path: join(poolPath, row.key) }
  }
  /** An upload that waits for its one chunk; answers where its staging lies. */
  const addUpload = async (): Promise<{ taskId: string; path: string }> => {
    const taskId = await ledger.addTask({ accountId: account, type: 'FileUpload' })
    await ledger.sql`update tasks set status = 'InProgress', runnable = false where id = ${taskId}`
    const sizes = { fileSizeBytes: 10, chunkSizeBytes: 10, chunksCount: 1, reservedBytes: 10 }
    const sinkKey = await (await pools.open(poolId)).createSink({ taskId, sizeBytes: 10, chunkSizeBytes: 10 })
    const names = { fileName: 'a', contentType: 'text/plain', bundleId: null, fileExpiredAt: null }
    const upload = { taskId, accountId: account, poolId, declaredSha256: Buffer.alloc(32), sinkKey }
    await insertUpload(ledger.sql, { ...upload, ...sizes, ...names })
    await mendUsage({ sql: ledger.sql, log: silent })
    return { taskId, path: join(poolPath, '.uploads', sinkKey) }
  }
  const age = (path: string) => utimes(path, new Date(), new Date(Date.now() - 2 * graceMs))
  const stored = async () =>
    (await readdir(poolPath, { recursive: true, withFileTypes: true })).filter((e) => e.isFile())

  it('finds nothing where all is well, whatever is under way and was not there a moment ago', async () => {
    await addFile(100)
    await age((await addUpload()).path)
    const young = await addFile(50)
    await rename(young.path, `${dirname(young.path)}/${randomUUID()}-1`)
    await writeFile(young.path, Buffer.alloc(50))
    await writeFile(join(poolPath, '.uploads', randomUUID()), 'just begun')
    const found = await look({ mends: false })
    expect(found).toMatchObject({ verdict: 'sound', findings: [] })
    expect(found.pools).toMatchObject([{ objects: 2, storedObjects: 3, storedBytes: 200 }])
  })

  it('finds everything that differs and changes nothing, and mended it is sound but for what is lost', async () => {
    const [kept, missing, short] = [await addFile(100), await addFile(200), await addFile(300)]
    await rm(missing.path)
    await truncate(short.path, 299)
    const leftover = `${dirname(kept.path)}/${randomUUID()}-1`
    await writeFile(leftover, Buffer.alloc(77))
    await age(leftover)
    const foreign = `${dirname(kept.path)}/a-note`
    await writeFile(foreign, 'not ours')
    await age(foreign)
    const staging = join(poolPath, '.uploads', randomUUID())
    await writeFile(staging, Buffer.alloc(5))
    await age(staging)
    const lost = await addUpload()
    await rm(lost.path)
    const fileless = await addFile(400)
    await ledger.sql`delete from files where id = ${fileless.id}`
    await mendUsage({ sql: ledger.sql, log: silent })
    await ledger.sql`update pool_usage set used_bytes = used_bytes + 1`

    const filesBefore = (await stored()).length
    const found = await look({ mends: false })
    expect(found.verdict).toBe('findings')
    expect(kinds(found)).toEqual({
      'bytes-without-object': [2, 0],
      'object-bytes-differ': [1, 0],
      'object-bytes-missing': [1, 0],
      'object-without-file': [1, 0],
      'staging-without-task': [1, 0],
      'upload-without-staging': [1, 0],
      'usage-differs': [1, 0],
    })
    expect(found.findings.find(({ kind }) => kind === 'object-bytes-missing')?.samples.join()).toContain(missing.id)
    expect((await stored()).length).toBe(filesBefore)

    const mended = await look({ mends: true })
    expect(kinds(mended)).toEqual({
      ...kinds(found),
      'bytes-without-object': [2, 1],
      'object-without-file': [1, 1],
      'staging-without-task': [1, 1],
      'upload-without-staging': [1, 1],
      'usage-differs': [1, 1],
    })
    expect((await stored()).length).toBe(filesBefore - 2)
    expect(await ledger.task(lost.taskId)).toMatchObject({ status: 'Expired' })
    const [object] = await ledger.sql`select orphaned_at from objects where id = ${fileless.objectId}`
    expect(object?.['orphanedAt']).toBeInstanceOf(Date)

    await rm(foreign)
    expect(kinds(await look({ mends: false }))).toEqual({
      'object-bytes-differ': [1, 0],
      'object-bytes-missing': [1, 0],
    })
  })

  it('compares more than fits into a page of either side', async () => {
    const ids = Array.from({ length: 1203 }, () => randomUUID())
    const { path } = await addFile(1)
    const keyOf = (id: string) => `objects/00/00/${id}-1`
    await Promise.all(ids.slice(3).map((id) => writeFile(join(dirname(path), `${id}-1`), 'xy')))
    await ledger.sql`
      with stored as (
        insert into objects (id, pool_id, key, size_bytes, sha256)
        select id, ${poolId}, 'objects/00/00/' || id || '-1', 2, '' from unnest(${ids.slice(0, 1200)}::uuid[]) as given (id)
      )
      select 1`
    await ledger.sql`
      insert into files (id, account_id, object_id, name, content_type, size_bytes)
      select gen_random_uuid(), ${account}, id, 'a', 'text/plain', 2 from unnest(${ids.slice(0, 1200)}::uuid[]) as given (id)`
    await mendUsage({ sql: ledger.sql, log: silent })
    await Promise.all(ids.slice(1200).map((id) => age(join(poolPath, keyOf(id)))))
    const found = await look({ mends: false })
    expect(kinds(found)).toEqual({ 'bytes-without-object': [3, 0], 'object-bytes-missing': [3, 0] })
    expect(found.pools).toMatchObject([{ objects: 1201, storedObjects: 1201 }])
  })

  it('takes an empty pool for one that is not there, and removes nothing for a ledger that knows nothing of the pool', async () => {
    const { path, id } = await addFile(100)
    await addUpload()
    await rename(poolPath, `${poolPath}-away`)
    const away = await look({ mends: true })
    expect(away).toMatchObject({
      verdict: 'unchecked',
      unchecked: [{ poolId, reason: expect.stringContaining('empty') }],
    })

    await rm(poolPath, { recursive: true, force: true })
    await rename(`${poolPath}-away`, poolPath)
    await ledger.sql`delete from files where id = ${id}`
    await ledger.sql`delete from objects`
    await age(path)
    const wrong = await look({ mends: true })
    expect(wrong.verdict).toBe('findings')
    expect(kinds(wrong)['bytes-without-object']).toEqual([1, 0])
  })

  it('is a command that says by its exit code what it found', async () => {
    const doctor = async (args: string[], databaseUrl = ledger.databaseUrl) => {
      const env = { DATABASE_URL: databaseUrl, AUTH_JWT_SECRET: 'x'.repeat(32), DATA_DIR: dataDir }
      const command = startProcess({ file: 'scripts/doctor.js', args, env })
      const { code } = await command.exited
      return { code, output: command.output() }
    }
    const { path } = await addFile(100)
    const leftover = join(dirname(path), `${randomUUID()}-1`)
    await writeFile(leftover, 'left over')
    await age(leftover)
    await utimes(leftover, new Date(0), new Date(0))
    const dry = await doctor([])
    expect(dry).toEqual({ code: 1, output: expect.stringContaining('1 stored objects that nothing refers to') })
    const mended = await doctor(['--mend', '--json'])
    expect(mended.code).toBe(0)
    expect(JSON.parse(mended.output)).toMatchObject({ verdict: 'sound', findings: [{ count: 1, mended: 1, bytes: 9 }] })
    const nowhere = await doctor([], 'postgres://127.0.0.1:1/nothing')
    expect(nowhere).toEqual({ code: 2, output: expect.stringContaining('DATABASE_URL: the database at') })
  })
})
