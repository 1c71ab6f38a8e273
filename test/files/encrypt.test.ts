import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { decryptWith } from '../../src/age/decrypt.ts'
import { onThisThread } from '../../src/age/threads.ts'
import { createSealer, type Sealer } from '../../src/auth/seal.ts'
import type { FileRow } from '../../src/db/files.ts'
import { unlimitedBytes } from '../../src/db/usage.ts'
import { encryptSource } from '../../src/files/encrypt.ts'
import { makeOutput } from '../../src/files/make-each.ts'
import { TaskOutputs } from '../../src/files/outputs.ts'
import { openPools, type Pools } from '../../src/files/pools.ts'
import { StopReason } from '../../src/tasks/define-job.ts'
import { type AgeKey, newAgeKey } from '../support/age-command.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { testSealer } from '../support/worker.ts'

const poolId = '550e8400-e29b-41d4-a716-446655440000'
const plan = { slot: 'a', poolId, contentType: 'application/octet-stream' }
const mebibyte = 1024 * 1024

describe('an encryption that is paused', () => {
  let ledger: Ledger
  let dataDir: string
  let pools: Pools
  let taskId: string
  let key: AgeKey
  const bytes = randomBytes(8 * mebibyte + 1)
  beforeAll(async () => {
    ledger = await openLedger()
    key = await newAgeKey()
  })
  afterAll(() => ledger.close())
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'longshore-encrypt-'))
    const quota = { defaultLimitBytes: unlimitedBytes }
    const settings = { defaultPoolId: poolId, declared: [], quota, dataDir, uploadsPath: undefined }
    pools = await openPools(ledger.sql, { ...settings, readVariable: () => undefined }, silent)
    taskId = await ledger.addTask()
    return () => rm(dataDir, { recursive: true })
  })

  /** A stored file of these bytes, of which `recorded` has the sum. */
  async function source(stored: Buffer, recorded = bytes): Promise<FileRow> {
    const objectKey = `objects/00/00/${randomUUID()}-1`
    const path = join(dataDir, 'pools', poolId, objectKey)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, stored)
    const at = new Date()
    const sha256 = createHash('sha256').update(recorded).digest()
    const names = { name: 'a file', contentType: 'x/x', bundleId: null, tags: [], expiredAt: null, deletedAt: null }
    const ids = { id: randomUUID(), accountId: randomUUID(), objectId: randomUUID(), poolId, objectKey }
    return { ...ids, ...names, createdAt: at, updatedAt: at, sizeBytes: stored.length, sha256 }
  }

  /** One claim's run, which is paused once it has read so much. Answers the outputs of it. */
  async function run(file: FileRow, given: { pauseAtBytes?: number; sealer?: Sealer | undefined } = {}) {
    const { pauseAtBytes, sealer } = { pauseAtBytes: Number.POSITIVE_INFINITY, sealer: testSealer, ...given }
    await ledger.sql`
      update tasks set epoch = epoch + 1, status = 'InProgress', claimed_by = 'w', lease_expires_at = now() + interval '1 hour'
      where id = ${taskId}`
    const stop = new AbortController()
    const epoch = Number((await ledger.task(taskId))['epoch'])
    const context = { taskId, accountId: '', permissions: [], epoch, signal: stop.signal }
    const deps = { sql: ledger.sql, pools, crypt: onThisThread(), sealer }
    let readBytes = 0
    const onRead = (countBytes: number): void => {
      readBytes += countBytes
      if (readBytes >= pauseAtBytes) stop.abort(new StopReason('paused'))
    }
    const outputs = await TaskOutputs.open(deps, context)
    const making = encryptSource(deps, { keys: { recipients: [key.recipient] }, file, onRead }, context)
    await makeOutput(outputs, plan, making, context).catch((error: unknown) => {
      if (!(error instanceof StopReason)) throw error
    })
    return outputs
  }

  async function checkpoints() {
    return ledger.sql<
      { id: string; epoch: number; checkpoint: { sizeBytes: number; note: { encryption: { sealedKey: string } } } }[]
    >`select id, epoch, checkpoint from task_outputs where task_id = ${taskId} and checkpoint is not null`
  }

  async function resultOf(outputs: TaskOutputs): Promise<Buffer> {
    const { key: objectKey = '', sizeBytes = 0 } = outputs.finished('a') ?? {}
    const stream = await (await pools.open(poolId)).read(objectKey, { startBytes: 0, lengthBytes: sizeBytes })
    if (stream === undefined) throw new Error('there is no result')
    return buffer(stream)
  }

  async function expectOpens(sealed: Buffer): Promise<void> {
    async function* pieces() {
      yield sealed
    }
    const opened: Buffer[] = []
    for await (const piece of await decryptWith({ identities: [key.identity] }, pieces())) opened.push(piece)
    expect(Buffer.concat(opened).equals(bytes)).toBe(true)
  }

  it('goes on behind the chunks that are there, and its key is nowhere to be read', async () => {
    const file = await source(bytes)
    await run(file, { pauseAtBytes: 5 * mebibyte })
    const [row] = await checkpoints()
    if (row === undefined) throw new Error('nothing was saved')
    const { sizeBytes, note } = row.checkpoint
    expect(sizeBytes).toBeGreaterThan(mebibyte)
    const path = join(dataDir, 'pools', poolId, '.outputs', `${row.id}.e${row.epoch}`)
    const begun = await readFile(path)
    const outputs = await run(file)
    const sealed = await resultOf(outputs)
    expect(sealed.subarray(0, sizeBytes).equals(begun.subarray(0, sizeBytes))).toBe(true)
    await expectOpens(sealed)
    const sealedKey = Buffer.from(note.encryption.sealedKey, 'base64')
    const opened = testSealer?.open(`${taskId} file key`, sealedKey) ?? ''
    expect(Buffer.from(opened, 'base64')).toHaveLength(32)
    expect(JSON.stringify(row)).not.toContain(opened)
    expect(() => testSealer?.open(taskId, sealedKey)).toThrow('does not open')
    expect(await checkpoints()).toEqual([])
  })

  it.each<[string, Sealer | undefined]>([
    ['whose key can be opened no more', createSealer([randomBytes(32)])],
    ['where no key can be kept', undefined],
  ])('begins anew %s', async (_why, sealer) => {
    const file = await source(bytes)
    await run(file, { pauseAtBytes: 5 * mebibyte })
    const outputs = await run(file, { sealer })
    await expectOpens(await resultOf(outputs))
    expect(await checkpoints()).toHaveLength(1)
  })

  it('fails when the bytes that it encrypted before have changed since, or are not those that were recorded', async () => {
    const damaged = Buffer.from(bytes)
    damaged[1000] = (damaged[1000] ?? 0) ^ 1
    const wasDamaged = await source(damaged)
    await run(wasDamaged, { pauseAtBytes: 5 * mebibyte })
    await writeFile(join(dataDir, 'pools', poolId, wasDamaged.objectKey), bytes)
    await expect(run(wasDamaged)).rejects.toMatchObject({ code: 'SOURCE_DAMAGED' })
    await ledger.sql`delete from task_outputs where task_id = ${taskId}`
    await expect(run(await source(damaged))).rejects.toMatchObject({ code: 'SOURCE_DAMAGED' })
  })
})
