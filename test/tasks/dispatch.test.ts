import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Engine, type Job, openEngine } from '../../src/queue/engine.ts'
import { createDispatcher, type Dispatcher } from '../../src/tasks/dispatch.ts'
import { LostDeliveries } from '../../src/tasks/lost-deliveries.ts'
import { sweepLeases } from '../../src/tasks/sweep.ts'
import { noTracing } from '../../src/tracing/tracing.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'

describe('delivering tasks', () => {
  let ledger: Ledger
  let engine: Engine
  let lost: LostDeliveries

  beforeAll(async () => {
    ledger = await openLedger()
    const databaseDirectUrl = ledger.databaseUrl
    engine = await openEngine({ redisUrl: undefined, databaseDirectUrl, queuePrefix: 'test' }, silent)
    lost = new LostDeliveries(ledger.sql, engine)
  })
  afterAll(async () => {
    await engine.close()
    await ledger.close()
  })

  const job = (taskId: string, dispatch = 0): Job => ({ taskId, dispatch, band: 'normal', rank: 1 })
  const find = async (one: Job) => (await engine.find([one]))[0]
  const dispatcherOn = (one: Engine): Dispatcher =>
    createDispatcher({ sql: ledger.sql, engine: one, tracing: noTracing, log: silent })

  async function age(taskId: string): Promise<void> {
    await ledger.sql`update tasks set admitted_at = now() - interval '3 seconds' where id = ${taskId}`
  }

  async function claimAdmitted(ids: readonly string[]): Promise<void> {
    await ledger.sql`
      update tasks set claimed_by = 'w', lease_expires_at = now() + interval '1 hour', status = 'InProgress'
      where id = any(${ids}) and admitted_at is not null`
  }

  it('hands over everything that waits, more than the window too, each once', async () => {
    const ids = [...(await ledger.addTasks(600)), ...(await ledger.addTasks(100))]
    const dispatchers = Array.from({ length: 3 }, () => dispatcherOn(engine))
    const round = async () => {
      for (const dispatcher of dispatchers) {
        dispatcher.admit()
        dispatcher.admit()
      }
      await Promise.all(dispatchers.map((dispatcher) => dispatcher.idle()))
    }
    await round()
    expect((await engine.counts()).normal).toEqual({ waiting: 512, active: 0 })
    // Once workers have taken those, there is room for the rest.
    await claimAdmitted(ids)
    await round()
    expect((await engine.counts()).normal).toEqual({ waiting: 700, active: 0 })
    expect(await engine.find(ids.map((id) => job(id)))).toEqual(ids.map(() => 'waiting'))
    expect(await ledger.sql`select 1 from tasks where runnable and admitted_at is null`).toEqual([])
    await claimAdmitted(ids)
  })

  it('does not forget what is asked of it while it is at it', async () => {
    const dispatcher = dispatcherOn(engine)
    dispatcher.admit()
    const taskId = await ledger.addTask()
    dispatcher.admit()
    await dispatcher.idle()
    expect(await find(job(taskId))).toBe('waiting')
  })

  it('loses nothing when the engine does not take it', async () => {
    const failing = dispatcherOn({ ...engine, add: () => Promise.reject(new Error('away')) })
    const taskId = await ledger.addTask()
    failing.admit()
    await failing.idle()
    // Admitted, as far as the ledger knows, but nowhere.
    expect((await ledger.task(taskId))['admittedAt']).toBeInstanceOf(Date)
    expect(await find(job(taskId))).toBe('gone')
    expect(await lost.sweep()).toBe(0)
    await age(taskId)
    expect(await lost.sweep()).toBe(1)
    const working = dispatcherOn(engine)
    working.admit()
    await working.idle()
    expect(await find(job(taskId, 1))).toBe('waiting')
  })

  it('notices that the engine was wiped before it looks up every delivery', async () => {
    const ids = await ledger.addTasks(40)
    const deliveries = await ledger.admit()
    expect(deliveries).toHaveLength(40)
    const waitedFor = (time: string) =>
      ledger.sql`update tasks set admitted_at = now() - ${time}::interval where id = any(${ids})`
    await waitedFor('0.5 seconds')
    expect(await lost.sweepIfWiped()).toBe(0)
    await waitedFor('1.5 seconds')
    expect(await lost.sweep()).toBe(0)
    expect(await lost.sweepIfWiped()).toBe(40)
    const again = await ledger.admit()
    await engine.add(again)
    await waitedFor('1.5 seconds')
    expect(await lost.sweepIfWiped()).toBe(0)
    await claimAdmitted(ids)
  })

  it('does not take a task for lost that a worker holds', async () => {
    const taskId = await ledger.addTask()
    await age(taskId)
    expect(await ledger.claim(taskId, 0)).toMatchObject({ epoch: 1 })
    expect(await lost.sweep()).toBe(0)
    expect(await ledger.task(taskId)).toMatchObject({ dispatch: 0, status: 'InProgress' })
  })

  it('takes the tasks of a dead worker away from it once, however many sweep', async () => {
    const ids = await ledger.addTasks(20)
    await Promise.all(ids.map((taskId) => ledger.claim(taskId, 0, 'dead')))
    await ledger.sql`update tasks set lease_expires_at = now() - interval '1 second' where claimed_by = 'dead'`
    const counts = await Promise.all(Array.from({ length: 4 }, () => sweepLeases(ledger.sql)))
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(20)
    const rows = await ledger.sql`select distinct dispatch, status from tasks where id = any(${ids})`
    expect(rows).toEqual([{ dispatch: 1, status: 'Pending' }])
  })
})
