import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { releaseTask } from '../../src/db/claims.ts'
import { changePriority } from '../../src/db/tasks.ts'
import { type Ledger, openLedger } from '../support/ledger.ts'

describe('another priority', () => {
  let ledger: Ledger

  beforeAll(async () => {
    ledger = await openLedger()
  })
  afterAll(() => ledger.close())

  it('has what was handed over already delivered anew, in the band where it belongs now', async () => {
    const taskId = await ledger.addTask()
    expect(await ledger.admit()).toMatchObject([{ taskId, dispatch: 0 }])
    expect(await changePriority(ledger.sql, taskId, 80)).toBe(true)
    expect(await ledger.claim(taskId, 0)).toBeUndefined()
    expect(await ledger.admit('normal')).toEqual([])
    expect(await ledger.admit('high')).toMatchObject([{ taskId, dispatch: 1 }])
    expect(await ledger.claim(taskId, 1)).toMatchObject({ id: taskId, band: 'high' })
  })

  it('leaves what backs off held back for as long as it was', async () => {
    const taskId = await ledger.addTask()
    await ledger.admit()
    const claim = await ledger.claim(taskId, 0)
    const again = { kind: 'again', delayMs: 60_000, countsAttempt: true } as const
    await releaseTask(ledger.sql, { taskId, epoch: claim?.epoch ?? 0 }, again)
    const { readyAt } = await ledger.task(taskId)
    expect(await changePriority(ledger.sql, taskId, 80)).toBe(true)
    expect(await ledger.task(taskId)).toMatchObject({ readyAt, runnable: true, band: 'high', attempts: 1 })
    expect(await ledger.admit('high')).toEqual([])
    await ledger.sql`update tasks set ready_at = now() where id = ${taskId}`
    expect(await ledger.admit('high')).toMatchObject([{ taskId }])
  })

  it('lets the older of two with the same priority keep its place', async () => {
    const accountId = crypto.randomUUID()
    const older = await ledger.addTask({ accountId, priority: 20 })
    const younger = await ledger.addTask({ accountId, priority: 20 })
    await ledger.sql`update tasks set ready_at = ready_at - interval '1 minute' where id = ${older}`
    await changePriority(ledger.sql, younger, 10)
    await changePriority(ledger.sql, older, 10)
    // The queue orders them by their ranks, in whatever order they are handed to it.
    const inOrder = (await ledger.admit('low')).toSorted((a, b) => a.rank - b.rank)
    expect(inOrder.map((one) => one.taskId)).toEqual([older, younger])
  })
})
