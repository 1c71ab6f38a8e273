import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { transact } from '../../src/db/connect.ts'
import { insertFile, insertObject } from '../../src/db/files.ts'
import { TaskOutputs } from '../../src/files/outputs.ts'
import { openPools, type Pools } from '../../src/files/pools.ts'
import { sweepFiles, sweepOrphans, sweepOutputs } from '../../src/files/sweep.ts'
import { unlimitedBytes } from '../../src/db/usage.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { never } from '../support/sample-upload.ts'

const poolId = '550e8400-e29b-41d4-a716-446655440000'

describe('the outputs of a task', () => {
  let ledger: Ledger
  let dataDir: string
  let pools: Pools
  let taskId: string
  let accountId: string
  beforeAll(async () => {
    ledger = await openLedger()
  })
  afterAll(() => ledger.close())
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'longshore-outputs-'))
    await ledger.sql`delete from files`
    await ledger.sql`delete from objects`
    await ledger.sql`delete from task_outputs`
    await ledger.sql`delete from tasks`
    const settings = {
      defaultPoolId: poolId,
      declared: [],
      quota: { defaultLimitBytes: unlimitedBytes },
      dataDir,
      uploadsPath: undefined,
      readVariable: () => undefined,
    }
    pools = await openPools(ledger.sql, settings, silent)
    accountId = randomUUID()
    taskId = await ledger.addTask({ accountId })
    return () => rm(dataDir, { recursive: true })
  })

  const deps = () => ({ sql: ledger.sql, pools, log: silent })

  /** Outputs of the task's next claim. */
  async function claimed(): Promise<TaskOutputs> {
    await ledger.sql`
      update tasks set epoch = epoch + 1, status = 'InProgress', claimed_by = 'w', lease_expires_at = now() + interval '1 hour'
      where id = ${taskId}`
    const { epoch } = await ledger.task(taskId)
    return TaskOutputs.open(deps(), { taskId, accountId: '', permissions: [], epoch: Number(epoch), signal: never })
  }

  async function write(outputs: TaskOutputs, slot: string, bytes: Buffer) {
    const output = await outputs.begin({ slot, poolId, contentType: 'text/plain' })
    await output.write(bytes)
    return output.finish()
  }

  /** As a worker leaves it that is killed. */
  async function leaveOpen(outputs: TaskOutputs): Promise<void> {
    const output = await outputs.begin({ slot: 'open', poolId, contentType: 'text/plain' })
    onTestFinished(() => output.close())
    await output.write(randomBytes(1000))
  }

  function file(slot: string) {
    const [fileId, contentType] = [randomUUID(), 'text/plain']
    return { slot, fileId, name: `${slot}.txt`, contentType, bundleId: null, expiredAt: null }
  }

  async function end(agoMs = 3_600_000): Promise<void> {
    await ledger.sql`
      update tasks set status = 'Failed', runnable = false, claimed_by = null, lease_expires_at = null,
        completed_at = now() - ${agoMs} * interval '1 millisecond'
      where id = ${taskId}`
  }

  async function onDisk(): Promise<number> {
    const entries = await readdir(dataDir, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).length
  }

  it('become files of the account together, with their size and sum', async () => {
    const outputs = await claimed()
    const bytes = randomBytes(400_000)
    await write(outputs, 'a', bytes)
    await write(outputs, 'b', Buffer.alloc(0))
    expect(await ledger.sql`select 1 from files`).toHaveLength(0)
    await transact(ledger.sql, (query) => outputs.commit(query, [file('a'), file('b')]))
    const rows = await ledger.sql`
      select f.account_id, f.name, o.size_bytes, o.sha256 from files f join objects o on o.id = f.object_id order by name`
    expect(rows).toMatchObject([
      { accountId, name: 'a.txt', sizeBytes: 400_000, sha256: createHash('sha256').update(bytes).digest() },
      { accountId, name: 'b.txt', sizeBytes: 0 },
    ])
    await end()
    await sweepOutputs(deps())
    expect(await onDisk()).toBe(2)
  })

  it('are kept for the next claim when they were finished, and removed when they were not', async () => {
    const first = await claimed()
    await write(first, 'done', randomBytes(1000))
    await leaveOpen(first)
    await first.flush()
    const second = await claimed()
    expect(second.finished('done')).toMatchObject({ sizeBytes: 1000 })
    expect(second.finished('open')).toBeUndefined()
    expect(await onDisk()).toBe(1)
    await transact(ledger.sql, (query) => second.commit(query, [file('done')]))
    expect(await ledger.sql`select 1 from files`).toHaveLength(1)
  })

  it('of a claim that was lost are neither begun nor committed', async () => {
    const early = await claimed()
    await write(early, 'a', randomBytes(10))
    const late = await claimed()
    await expect(early.begin({ slot: 'b', poolId, contentType: 'text/plain' })).rejects.toMatchObject({ why: 'lost' })
    await expect(early.flush()).rejects.toMatchObject({ why: 'lost' })
    await expect(transact(ledger.sql, (query) => early.commit(query, [file('a')]))).rejects.toMatchObject({
      why: 'lost',
    })
    expect(late.finished('a')).toBeUndefined()
  })

  it('of an ended task are swept, finished or not, once nobody can be writing any more', async () => {
    const outputs = await claimed()
    await write(outputs, 'done', randomBytes(1000))
    await leaveOpen(outputs)
    await outputs.flush()
    await end(1000)
    expect(await sweepOutputs(deps())).toBe(0)
    expect(await onDisk()).toBe(2)
    await end()
    expect(await sweepOutputs(deps())).toBeGreaterThan(1)
    expect(await onDisk()).toBe(0)
    await ledger.sql`update task_outputs set discarded_at = now() - interval '1 hour'`
    expect(await sweepOutputs(deps())).toBe(0)
    expect(await ledger.sql`select 1 from task_outputs`).toHaveLength(0)
  })

  it('that were removed are removed again when a late request of a lost claim made them', async () => {
    await leaveOpen(await claimed())
    await claimed()
    expect(await onDisk()).toBe(0)
    const [row] = await ledger.sql<{ id: string; epoch: number }[]>`select id, epoch from task_outputs`
    const late = await (await pools.open(poolId)).createObject({ id: String(row?.id), epoch: Number(row?.epoch) })
    await late.write(randomBytes(1000))
    await late.publish()
    await sweepOutputs(deps())
    expect(await onDisk()).toBe(1)
    await ledger.sql`update task_outputs set discarded_at = now() - interval '1 hour'`
    await sweepOutputs(deps())
    expect(await onDisk()).toBe(0)
    expect(await ledger.sql`select 1 from task_outputs`).toHaveLength(0)
  })

  it('of a task that was deleted are swept too', async () => {
    const outputs = await claimed()
    await write(outputs, 'done', randomBytes(1000))
    await ledger.sql`delete from tasks where id = ${taskId}`
    await sweepOutputs(deps())
    expect(await onDisk()).toBe(0)
  })

  describe('objects', () => {
    async function stored(files: number) {
      const output = await write(await claimed(), randomUUID(), randomBytes(100))
      const object = { ...output, id: randomUUID() }
      await insertObject(ledger.sql, object)
      const ids = Array.from({ length: files }, () => randomUUID())
      for (const id of ids) {
        await insertFile(ledger.sql, {
          id,
          accountId,
          objectId: object.id,
          bundleId: null,
          name: 'x',
          contentType: 'x/x',
          expiredAt: null,
        })
      }
      return ids
    }

    async function age(): Promise<void> {
      await ledger.sql`update objects set orphaned_at = orphaned_at - interval '2 hours'`
    }

    it('go when their last file has left the trash, and a grace period has passed', async () => {
      const [first = '', second = ''] = await stored(2)
      await ledger.sql`update files set deleted_at = now() - interval '8 days' where id = ${first}`
      expect(await sweepFiles(deps(), 7 * 24 * 3_600_000)).toBe(1)
      await age()
      expect(await sweepOrphans(deps(), 3_600_000)).toBe(0)
      await ledger.sql`update files set expired_at = now() - interval '1 second' where id = ${second}`
      expect(await sweepFiles(deps(), 7 * 24 * 3_600_000)).toBe(1)
      expect(await sweepOrphans(deps(), 3_600_000)).toBe(0)
      expect(await onDisk()).toBe(1)
      await age()
      expect(await sweepOrphans(deps(), 3_600_000)).toBe(1)
      expect(await onDisk()).toBe(0)
      expect(await ledger.sql`select 1 from objects`).toHaveLength(0)
    })

    it('go all at once, however many, and those in a pool that is away do not hold up the others', async () => {
      const awayId = randomUUID()
      await ledger.sql`
        insert into pools (id, name, kind, settings) values (${awayId}, 'away', 'local', '{"path": "/dev/null/away"}')`
      await ledger.sql`
        insert into objects (id, pool_id, key, size_bytes, sha256, orphaned_at)
        select gen_random_uuid(), case when n % 2 = 0 then ${awayId}::uuid else ${poolId}::uuid end,
          'objects/00/00/00000000-0000-4000-8000-' || lpad(n::text, 12, '0') || '-1', 1, decode('00', 'hex'), now() - interval '2 hours'
        from generate_series(1, 500) as n`
      expect(await sweepOrphans(deps(), 3_600_000)).toBe(250)
      expect(await ledger.sql`select 1 from objects`).toHaveLength(250)
      await ledger.sql`delete from objects`
      await ledger.sql`delete from pools where id = ${awayId}`
    })

    it('stay when a file has come to refer to them again', async () => {
      const [first = ''] = await stored(1)
      const [row] = await ledger.sql`select object_id from files where id = ${first}`
      await ledger.sql`update files set deleted_at = now() - interval '8 days' where id = ${first}`
      await sweepFiles(deps(), 0)
      await age()
      await insertFile(ledger.sql, {
        id: randomUUID(),
        accountId,
        objectId: String(row?.['objectId']),
        bundleId: null,
        name: 'x',
        contentType: 'x/x',
        expiredAt: null,
      })
      expect(await sweepOrphans(deps(), 3_600_000)).toBe(0)
      expect(await onDisk()).toBe(1)
    })
  })
})
