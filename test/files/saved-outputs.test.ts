import { createHash, randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { disownOutputs, takeLeftoverOutputs } from '../../src/db/outputs.ts'
import { unlimitedBytes } from '../../src/db/usage.ts'
import { TaskOutputs } from '../../src/files/outputs.ts'
import { openPools, type Pools } from '../../src/files/pools.ts'
import { objectKeyOf } from '../../src/storage/object-key.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { never } from '../support/sample-upload.ts'

const poolId = '550e8400-e29b-41d4-a716-446655440000'

describe('outputs that were saved', () => {
  let ledger: Ledger
  let dataDir: string
  let pools: Pools
  let taskId: string
  beforeAll(async () => {
    ledger = await openLedger()
  })
  afterAll(() => ledger.close())
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'longshore-saved-'))
    await ledger.sql`delete from task_outputs`
    const quota = { defaultLimitBytes: unlimitedBytes }
    const settings = { defaultPoolId: poolId, declared: [], quota, dataDir, uploadsPath: undefined }
    pools = await openPools(ledger.sql, { ...settings, readVariable: () => undefined }, silent)
    taskId = await ledger.addTask()
    return () => rm(dataDir, { recursive: true })
  })

  /** Outputs of the task's next claim. */
  async function claimed(): Promise<TaskOutputs> {
    await ledger.sql`
      update tasks set epoch = epoch + 1, status = 'InProgress', claimed_by = 'w', lease_expires_at = now() + interval '1 hour'
      where id = ${taskId}`
    const { epoch } = await ledger.task(taskId)
    return TaskOutputs.open(
      { sql: ledger.sql, pools },
      { taskId, accountId: '', permissions: [], epoch: Number(epoch), signal: never },
    )
  }

  async function onDisk(): Promise<number> {
    const entries = await readdir(dataDir, { recursive: true, withFileTypes: true })
    return entries.filter((entry) => entry.isFile()).length
  }

  const bytes = randomBytes(2_000_000)
  const plan = { slot: 'a', poolId, contentType: 'application/octet-stream' }
  const note = z.object({ at: z.number() })

  /** As a claim leaves it that is killed after it saved. */
  async function saved(outputs: TaskOutputs, countBytes = 1_200_000): Promise<void> {
    const begun = await outputs.begin(plan)
    onTestFinished(() => begun.close())
    await begun.write(bytes.subarray(0, countBytes))
    await begun.save({ at: countBytes })
    await begun.write(randomBytes(300_000))
  }

  it('go on in the next claim from there with the right sum', async () => {
    await saved(await claimed())
    const resumed = await (await claimed()).resume(plan, note)
    expect(resumed?.note).toEqual({ at: 1_200_000 })
    await resumed?.output.write(bytes.subarray(1_200_000))
    const sha256 = createHash('sha256').update(bytes).digest()
    expect(await resumed?.output.finish()).toMatchObject({ sizeBytes: 2_000_000, sha256 })
  })

  it('go on from the last claim that saved, of which alone the bytes are kept then', async () => {
    await saved(await claimed(), 500_000)
    const middle = await (await claimed()).resume(plan, note)
    onTestFinished(async () => middle?.output.close())
    await middle?.output.write(bytes.subarray(500_000, 700_000))
    expect(await onDisk()).toBe(2)
    await middle?.output.save({ at: 700_000 })
    expect(await onDisk()).toBe(1)
    // This one is killed before it saves.
    const last = await (await claimed()).resume(plan, note)
    onTestFinished(async () => last?.output.close())
    const resumed = await (await claimed()).resume(plan, note)
    expect(resumed?.note).toEqual({ at: 700_000 })
    await resumed?.output.write(bytes.subarray(700_000))
    expect(await resumed?.output.finish()).toMatchObject({
      sha256: createHash('sha256').update(bytes).digest(),
    })
  })

  it('are found whole by a claim that comes after the bytes were published and before that was noted', async () => {
    await saved(await claimed(), bytes.length)
    const [row] = await ledger.sql`select id, epoch from task_outputs where checkpoint is not null`
    const name = { id: String(row?.['id']), epoch: Number(row?.['epoch']) }
    const pool = join(dataDir, 'pools', poolId)
    const path = (await readdir(pool, { recursive: true })).find((one) => one.includes(name.id)) ?? ''
    const key = objectKeyOf(name)
    await mkdir(dirname(join(pool, key)), { recursive: true })
    await rename(join(pool, path), join(pool, key))
    const resumed = await (await claimed()).resume(plan, note)
    expect(await resumed?.output.finish()).toMatchObject({ sizeBytes: bytes.length })
  })

  it('are begun anew when the note is none that the job understands, or the task disowned them', async () => {
    await saved(await claimed())
    expect(await (await claimed()).resume(plan, z.object({ to: z.number() }))).toBeUndefined()
    await disownOutputs(ledger.sql, taskId)
    expect(await (await claimed()).resume(plan, note)).toBeUndefined()
    expect(await onDisk()).toBe(0)
  })

  it('say nothing any more once the task has ended', async () => {
    await saved(await claimed())
    await ledger.sql`
      update tasks set status = 'Failed', runnable = false, claimed_by = null, lease_expires_at = null, completed_at = now() - interval '1 hour'
      where id = ${taskId}`
    await takeLeftoverOutputs(ledger.sql, { olderThanMs: 0, notIn: [], limit: 100 })
    expect(await ledger.sql`select 1 from task_outputs where checkpoint is not null`).toHaveLength(0)
  })
})
