import { randomUUID } from 'node:crypto'
import { expect, it, onTestFinished } from 'vitest'
import { admitBand, ensureBands } from '../../src/db/admission.ts'
import {
  type Claim,
  claimTasks,
  completeTasks,
  holdClaim,
  releaseTask,
  renewLeases,
  saveCheckpoint,
  saveProgress,
} from '../../src/db/claims.ts'
import { transact, transactReplanned } from '../../src/db/connect.ts'
import { insertTasks } from '../../src/db/new-tasks.ts'
import { createDatabase } from '../support/postgres.ts'
import { countReads, listUnclaimed } from '../support/reads.ts'

it('reads no other claims than are asked for, though the planner believes that there are none', async () => {
  const database = await createDatabase({ pooled: false })
  onTestFinished(() => database.drop())
  const ledger = database.open({ name: 'test', maxConnections: 1 })
  const sessions = database.open({ name: 'claims', maxConnections: 1, looksUp: true })
  onTestFinished(async () => {
    await Promise.all([ledger.close(), sessions.close()])
  })
  const { sql } = ledger
  const claimSql = sessions.sql
  await ensureBands(sql, ['high', 'normal', 'low'])
  const task = { type: 'Test', name: 'one', status: 'Pending', parameters: {}, priority: 50, runnable: true } as const
  const tasks = Array.from({ length: 400 }, () => ({ ...task, id: randomUUID(), accountId: randomUUID() }))
  await transact(sql, (query) => insertTasks(query, tasks))
  await transactReplanned(sql, (query) => admitBand(query, 'normal', ['Test']))
  await sql`vacuum analyze tasks`

  const claim = async (count: number) => claimTasks(claimSql, 'w', await listUnclaimed(sql, count))
  await claim(200)
  const claims = (await claim(50)).map(({ id: taskId, epoch }) => ({ taskId, epoch, results: {} }))
  const [one] = claims
  const held: Claim = one ?? { taskId: '', epoch: 0 }
  const works: [name: string, rows: number, work: () => Promise<unknown>][] = [
    ['renew', 50, () => renewLeases(claimSql, claims)],
    ['progress', 1, () => saveProgress(sql, held, { percent: 1, message: null })],
    ['checkpoint', 1, () => saveCheckpoint(sql, held, {})],
    ['hold', 1, () => holdClaim(sql, held)],
    ['release', 1, () => releaseTask(sql, held, { kind: 'parked' })],
    ['complete', 49, () => completeTasks(claimSql, claims.slice(1))],
  ]
  for (const [name, rows, work] of works) {
    const { tasks_pkey: byId = 0, ...rest } = await countReads([sql, claimSql], work)
    expect({ name, ...rest }).toEqual({ name })
    // Each is locked and written, and earlier versions of its row may still be in the index.
    expect({ name, isFew: byId <= rows * 16 }).toEqual({ name, isFew: true })
  }
})
