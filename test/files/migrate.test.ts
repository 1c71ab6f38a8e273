import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { transact } from '../../src/db/connect.ts'
import { unlimitedBytes } from '../../src/db/usage.ts'
import { migratePool } from '../../src/files/migrate.ts'
import { openPools } from '../../src/files/pools.ts'
import { addPool } from '../support/job-files.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { never } from '../support/sample-upload.ts'
import { storedFile } from '../support/stored-file.ts'
import { until } from '../support/system.ts'

const poolId = '550e8400-e29b-41d4-a716-446655440000'

let ledger: Ledger
let dataDir: string
beforeAll(async () => {
  ledger = await openLedger()
  dataDir = await mkdtemp(join(tmpdir(), 'longshore-migrate-'))
})
afterAll(async () => {
  await ledger.close()
  await rm(dataDir, { recursive: true })
})

it('counts all that it moved when copies are ready sooner than the ledger takes them', async () => {
  const quota = { defaultLimitBytes: unlimitedBytes }
  const settings = { defaultPoolId: poolId, declared: [], quota, dataDir, uploadsPath: undefined }
  const pools = await openPools(ledger.sql, { ...settings, readVariable: () => undefined }, silent)
  const { sql } = ledger
  const account = randomUUID()
  const files = Array.from({ length: 200 }, () => randomBytes(100))
  const poolPath = join(dataDir, 'pools', poolId)
  await Promise.all(files.map((bytes) => storedFile({ sql, poolPath }, { account }, bytes)))
  const targetPoolId = await addPool({ sql })
  const taskId = await ledger.addTask({ accountId: account })
  await sql`
    update tasks set epoch = 1, status = 'InProgress', claimed_by = 'w', lease_expires_at = now() + interval '1 hour'
    where id = ${taskId}`
  const countCopies = async (): Promise<number> => {
    const objects = join(dataDir, 'pools', targetPoolId, 'objects')
    const entries = await readdir(objects, { recursive: true, withFileTypes: true }).catch(() => [])
    return entries.filter((entry) => entry.isFile()).length
  }
  const plan = { scope: { poolId, accountId: account }, targetPoolId, concurrency: 8, totalBytes: 20_000 }
  const context = { taskId, accountId: account, permissions: [], epoch: 1, signal: never, sql }
  const moved = await migratePool({ sql, pools }, plan, {
    ...context,
    progress: () => {},
    checkpoint: undefined,
    saveCheckpoint: async () => {},
    underClaim: async (work) => {
      // As many as change over at once are ready a second time before the first have.
      await until(async () => (await countCopies()) >= 128 || undefined)
      return transact(sql, work)
    },
  })
  expect(moved).toMatchObject({ filesProcessed: 200, objectsCopied: 200, bytesCopied: 20_000 })
})
