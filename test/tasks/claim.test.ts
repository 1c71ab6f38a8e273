import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expireLeases } from '../../src/db/admission.ts'
import {
  type Claim,
  claimTasks,
  completeTasks,
  endTask,
  leaseMs,
  releaseTask,
  renewLeases,
  saveCheckpoint,
} from '../../src/db/claims.ts'
import { changePriority, makeRunnable, pauseTask, resumeTask, stopTask } from '../../src/db/tasks.ts'
import { type Ledger, openLedger } from '../support/ledger.ts'

describe('a claim', () => {
  let ledger: Ledger

  beforeAll(async () => {
    ledger = await openLedger()
  })
  afterAll(() => ledger.close())

  async function claimed(): Promise<Claim> {
    const taskId = await ledger.addTask()
    const task = await ledger.claim(taskId, 0)
    if (!task) throw new Error('the task was not claimed')
    return { taskId, epoch: task.epoch }
  }

  const renew = async (claim: Claim) => (await renewLeases(ledger.sql, [claim]))[0]
  const admittedIds = async () => (await ledger.admit()).map((one) => one.taskId)

  const done = { status: 'Completed', results: { sum: 3 } } as const
  const again = { kind: 'again', delayMs: 0, countsAttempt: true } as const

  it('is for the delivery that is current, and for no other', async () => {
    const taskId = await ledger.addTask({ parameters: { a: 1 } })
    await makeRunnable(ledger.sql, [taskId])
    expect(await ledger.claim(taskId, 0)).toBeUndefined()
    expect(await ledger.claim(taskId, 2)).toBeUndefined()
    expect(await ledger.claim(randomUUID(), 1)).toBeUndefined()
    expect(await ledger.claim(taskId, 1)).toMatchObject({ id: taskId, epoch: 1, attempts: 1, parameters: { a: 1 } })
    expect(await ledger.task(taskId)).toMatchObject({ status: 'InProgress', claimedBy: 'w', epoch: 1 })
    expect(await ledger.eventTypes(taskId)).toEqual(['task.created', 'task.started'])
  })

  it('is held by one, however many try at once', async () => {
    for (let round = 0; round < 10; round++) {
      const taskId = await ledger.addTask()
      const claims = await Promise.all(Array.from({ length: 12 }, (_, nth) => ledger.claim(taskId, 0, `w${nth}`)))
      expect(claims.filter((one) => one !== undefined)).toHaveLength(1)
      expect(await ledger.eventTypes(taskId)).toEqual(['task.created', 'task.started'])
    }
  })

  it('is held by one when several take the same tasks in groups, each in another order', async () => {
    const deliveries = (await ledger.addTasks(60)).map((taskId) => ({ taskId, dispatch: 0 }))
    const groups = [deliveries, deliveries.toReversed(), deliveries.slice(30).concat(deliveries.slice(0, 30))]
    const answers = await Promise.all(groups.map((group, nth) => claimTasks(ledger.sql, `w${nth}`, group)))
    const ids = answers.flat().map((task) => task.id)
    expect(ids.sort()).toEqual(deliveries.map((one) => one.taskId).sort())
  })

  it('lives as long as it is renewed, by the time of the ledger', async () => {
    const held = await claimed()
    const [row] = await ledger.sql`
      select extract(epoch from lease_expires_at - now()) * 1000 as left from tasks where id = ${held.taskId}`
    expect(Number(row?.['left'])).toBeGreaterThan(leaseMs - 1000)
    expect(Number(row?.['left'])).toBeLessThanOrEqual(leaseMs)
    await ledger.outlive(held)
    // Late, but nobody has taken it away yet.
    expect(await renew(held)).toBe('InProgress')
    await expireLeases(ledger.sql)
    expect(await ledger.task(held.taskId)).toMatchObject({ status: 'InProgress', epoch: held.epoch })
    expect(await renew(held)).toBe('InProgress')
  })

  it('that is not renewed is taken away, and the task delivered again under a new number', async () => {
    const held = await claimed()
    await ledger.outlive(held)
    expect(await expireLeases(ledger.sql)).toBeGreaterThanOrEqual(1)
    expect(await ledger.task(held.taskId)).toMatchObject({
      status: 'Pending',
      dispatch: 1,
      claimedBy: null,
      runnable: true,
    })
    expect(await renew(held)).toBeUndefined()
    expect(await endTask(ledger.sql, held, done)).toBeUndefined()
    expect(await ledger.claim(held.taskId, 0)).toBeUndefined()
    expect(await admittedIds()).toContain(held.taskId)
    expect(await ledger.claim(held.taskId, 1)).toMatchObject({ epoch: 2, attempts: 2 })
  })

  it('of an earlier epoch can neither end, release, renew nor save into what a later one holds', async () => {
    const old = await claimed()
    await ledger.outlive(old)
    await expireLeases(ledger.sql)
    const current = { taskId: old.taskId, epoch: (await ledger.claim(old.taskId, 1))?.epoch ?? 0 }
    expect(await endTask(ledger.sql, old, done)).toBeUndefined()
    expect(await endTask(ledger.sql, old, { status: 'Failed', errorCode: 'X', errorMessage: 'x' })).toBeUndefined()
    expect(await completeTasks(ledger.sql, [{ ...old, results: {} }])).toEqual([])
    expect(await releaseTask(ledger.sql, old, again)).toBe(false)
    expect(await releaseTask(ledger.sql, old, { kind: 'dropped' })).toBe(false)
    expect(await saveCheckpoint(ledger.sql, old, { at: 1 })).toBe(false)
    // Also when both are asked about together, as one worker may hold both.
    expect(await renewLeases(ledger.sql, [old, current])).toEqual([undefined, 'InProgress'])
    expect(await ledger.task(old.taskId)).toMatchObject({
      status: 'InProgress',
      epoch: 2,
      results: null,
      checkpoint: null,
    })
    expect(await endTask(ledger.sql, current, done)).toEqual({ endedAt: expect.any(Date), isAwaited: false })
    expect(await ledger.task(old.taskId)).toMatchObject({
      status: 'Completed',
      results: { sum: 3 },
      progress: 100,
      runnable: false,
    })
  })

  it('ends a task once', async () => {
    const held = await claimed()
    const endings = await Promise.all(Array.from({ length: 5 }, () => endTask(ledger.sql, held, done)))
    expect(endings.filter((one) => one !== undefined)).toHaveLength(1)
    expect(await ledger.claim(held.taskId, 0)).toBeUndefined()
    expect(await releaseTask(ledger.sql, held, again)).toBe(false)
  })

  it('ends with others in one statement, those that still stand, each with its own results and event', async () => {
    const [first, lost, last] = [await claimed(), await claimed(), await claimed()]
    const completions = [first, { ...lost, epoch: 7 }, last].map((claim, at) => ({ ...claim, results: { at } }))
    const completed = await completeTasks(ledger.sql, completions)
    expect(completed.map((one) => one.id).sort()).toEqual([first.taskId, last.taskId].sort())
    expect(await ledger.task(lost.taskId)).toMatchObject({ status: 'InProgress', results: null })
    expect(await ledger.task(last.taskId)).toMatchObject({ status: 'Completed', results: { at: 2 } })
    expect(await ledger.eventTypes(last.taskId)).toEqual(['task.created', 'task.started', 'task.completed'])
  })

  it('hears that its task was ended from outside, and cannot end it another way', async () => {
    const held = await claimed()
    const stop = { taskId: held.taskId, status: 'Cancelled', errorMessage: null } as const
    expect(await stopTask(ledger.sql, stop)).toBeInstanceOf(Date)
    expect(await stopTask(ledger.sql, stop)).toBeUndefined()
    expect(await renew(held)).toBe('Cancelled')
    expect(await endTask(ledger.sql, held, done)).toBeUndefined()
    await ledger.outlive(held)
    await expireLeases(ledger.sql)
    expect(await ledger.task(held.taskId)).toMatchObject({ status: 'Cancelled', leaseExpiresAt: null, runnable: false })
    expect(await admittedIds()).not.toContain(held.taskId)
  })

  it('on a paused task may save a checkpoint until it is let go, and the next one begins there', async () => {
    const held = await claimed()
    await pauseTask(ledger.sql, held.taskId)
    expect(await renew(held)).toBe('Paused')
    expect(await endTask(ledger.sql, held, done)).toBeUndefined()
    await resumeTask(ledger.sql, held.taskId, { runnable: true, traceparent: undefined })
    // Nobody else is given the task before the former claim has let it go.
    expect(await admittedIds()).not.toContain(held.taskId)
    expect(await saveCheckpoint(ledger.sql, held, { at: 7 })).toBe(true)
    expect(await releaseTask(ledger.sql, held, { kind: 'dropped' })).toBe(true)
    expect(await saveCheckpoint(ledger.sql, held, { at: 8 })).toBe(false)
    const delivery = (await ledger.admit()).find((one) => one.taskId === held.taskId)
    // To have been paused is no failed attempt.
    expect(await ledger.claim(held.taskId, delivery?.dispatch ?? -1)).toMatchObject({
      epoch: 2,
      attempts: 1,
      checkpoint: { at: 7 },
    })
  })

  it('given back waits as long as it is told before it is delivered', async () => {
    const held = await claimed()
    expect(await releaseTask(ledger.sql, held, { kind: 'again', delayMs: 60_000, countsAttempt: true })).toBe(true)
    expect(await ledger.task(held.taskId)).toMatchObject({
      status: 'Pending',
      dispatch: 1,
      runnable: true,
      attempts: 1,
    })
    expect(await admittedIds()).not.toContain(held.taskId)
    await ledger.sql`update tasks set ready_at = now() where id = ${held.taskId}`
    const delivery = { taskId: held.taskId, dispatch: 1, traceparent: null, band: 'normal', rank: expect.any(Number) }
    expect(await ledger.admit()).toContainEqual(delivery)
  })

  it('given back by a worker that goes away is no attempt', async () => {
    const held = await claimed()
    await releaseTask(ledger.sql, held, { kind: 'again', delayMs: 0, countsAttempt: false })
    expect(await ledger.task(held.taskId)).toMatchObject({ attempts: 0, runnable: true })
  })

  it('parked is not delivered before somebody asks for it', async () => {
    const held = await claimed()
    expect(await releaseTask(ledger.sql, held, { kind: 'parked' })).toBe(true)
    expect(await ledger.task(held.taskId)).toMatchObject({ runnable: false, attempts: 0 })
    expect(await admittedIds()).not.toContain(held.taskId)
    await makeRunnable(ledger.sql, [held.taskId])
    expect(await admittedIds()).toContain(held.taskId)
  })

  it('is refused to the delivery of a task that has gone into another band since', async () => {
    const taskId = await ledger.addTask()
    expect(await admittedIds()).toContain(taskId)
    expect(await changePriority(ledger.sql, taskId, 90)).toBe(true)
    const [delivery] = await ledger.admit('high')
    expect(delivery).toMatchObject({ taskId, dispatch: 1, band: 'high' })
    expect(await ledger.claim(taskId, 0)).toBeUndefined()
    expect(await ledger.claim(taskId, 1)).toMatchObject({ band: 'high' })
    // Not while somebody runs it.
    expect(await changePriority(ledger.sql, taskId, 10)).toBe(false)
  })
})
