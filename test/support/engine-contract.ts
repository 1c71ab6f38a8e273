import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type Engine, type Job, openEngine } from '../../src/queue/engine.ts'
import { LostDeliveries } from '../../src/tasks/lost-deliveries.ts'
import type { EnginePlace } from './engine-places.ts'
import { type Ledger, openLedger, silent } from './ledger.ts'
import { until } from './system.ts'

/** What every engine must do, wherever its queues lie. To be called in a `describe`. */
export function engineContract(openPlace: () => Promise<EnginePlace>): void {
  let ledger: Ledger
  let place: EnginePlace
  let engine: Engine
  const closing: (() => Promise<void>)[] = []

  beforeAll(async () => {
    ledger = await openLedger()
    place = await openPlace()
    engine = await open()
  })
  afterEach(async () => {
    for (const close of closing.splice(0)) await close()
  })
  afterAll(async () => {
    await engine.close()
    await ledger.close()
    await place.close()
  })

  const open = () => openEngine({ ...place, queuePrefix: place.prefix, databaseDirectUrl: ledger.databaseUrl }, silent)

  const job = (rank = 1, band: Job['band'] = 'normal'): Job => ({ taskId: randomUUID(), dispatch: 1, band, rank })
  const find = async (one: Job) => (await engine.find([one]))[0]
  const isGone = async (one: Job) => (await find(one)) === 'gone'

  /** Takes a band's jobs and writes down their ids; each is in hand until `release`. */
  async function take(band: Job['band'], options: { by?: Engine; hold?: boolean } = {}) {
    const taken: string[] = []
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    if (!options.hold) release()
    const consumer = await (options.by ?? engine).consume(band, 1, async ({ taskId, dispatch }) => {
      taken.push(`${taskId}-${dispatch}`)
      await released
    })
    let closed: Promise<void> | undefined
    const close = () => (closed ??= consumer.close())
    closing.push(async () => {
      release()
      await close()
    })
    return { taken, release, close }
  }

  it('knows where it is', () => {
    expect(engine.kind).toBe(place.kind)
  })

  it('holds what it was given until it is done, and counts it by band', async () => {
    const [high, low] = [job(1, 'high'), job(2, 'low')]
    await engine.add([high, low])
    expect(await find(high)).toBe('waiting')
    expect(await find({ ...high, dispatch: 2 })).toBe('gone')
    expect(await find({ ...high, band: 'low' })).toBe('gone')
    expect(await engine.counts()).toEqual({
      high: { waiting: 1, active: 0 },
      normal: { waiting: 0, active: 0 },
      low: { waiting: 1, active: 0 },
    })
    const { taken, release } = await take('high', { hold: true })
    await until(async () => (taken.length === 1 ? true : undefined))
    expect(await find(high)).toBe('taken')
    expect((await engine.counts()).high).toEqual({ waiting: 0, active: 1 })
    release()
    await until(async () => (await isGone(high)) || undefined)
    expect(taken).toEqual([`${high.taskId}-1`])
    const others = await take('low')
    await until(async () => (others.taken.length === 1 ? true : undefined))
  })

  it('gives the smallest rank first, up to the greatest that is admitted, and equals in their order', async () => {
    const jobs = [50, 2 ** 20, 1, 50, 34, 66].map((rank) => job(rank))
    await engine.add(jobs)
    const { taken } = await take('normal')
    await until(async () => (taken.length === jobs.length ? true : undefined))
    const order = [2, 4, 0, 3, 5, 1].map((at) => `${jobs[at]?.taskId}-1`)
    expect(taken).toEqual(order)
  })

  it('gives a job once, however often it was added, and a later dispatch of it as well', async () => {
    const one = job()
    await Promise.all([engine.add([one, one]), engine.add([one])])
    await engine.add([{ ...one, dispatch: 2 }])
    const { taken } = await take('normal')
    await until(async () => (taken.length === 2 ? true : undefined))
    await until(async () => (await isGone({ ...one, dispatch: 2 })) || undefined)
    expect(taken).toEqual([`${one.taskId}-1`, `${one.taskId}-2`])
  })

  it('takes the same job again once it was done', async () => {
    const one = job()
    const { taken } = await take('normal')
    await engine.add([one])
    await until(async () => (taken.length === 1 && (await isGone(one))) || undefined)
    await engine.add([one])
    await until(async () => (taken.length === 2 ? true : undefined))
    expect(taken[1]).toBe(taken[0])
  })

  it('lets a consumer that closes end what it has in hand, and gives the rest to others', async () => {
    const jobs = [job(), job()]
    await engine.add(jobs)
    const first = await take('normal', { hold: true })
    await until(async () => (first.taken.length === 1 ? true : undefined))
    let isClosed = false
    const closed = first.close().then(() => {
      isClosed = true
    })
    const other = await open()
    const second = await take('normal', { by: other })
    await until(async () => (second.taken.length === 1 ? true : undefined))
    expect(isClosed).toBe(false)
    first.release()
    await closed
    await second.close()
    await other.close()
    expect([...first.taken, ...second.taken]).toEqual(jobs.map(({ taskId }) => `${taskId}-1`))
  })

  it('may forget everything: what was not claimed is given to it again under a new number', async () => {
    const lost = new LostDeliveries(ledger.sql, engine)
    const taskId = await ledger.addTask()
    const deliveries = await ledger.admit()
    await engine.add(deliveries)
    const backdate = () => ledger.sql`update tasks set admitted_at = now() - interval '3 seconds' where id = ${taskId}`
    await backdate()
    // It still waits its turn, which is no loss.
    expect(await lost.sweep()).toBe(0)
    await place.forget(ledger.sql)
    expect(await lost.sweep()).toBe(1)
    expect(await ledger.task(taskId)).toMatchObject({ dispatch: 1, admittedAt: null, runnable: true })
    const again = await ledger.admit()
    expect(again).toEqual([{ taskId, dispatch: 1, band: 'normal', rank: expect.any(Number), traceparent: null }])
    await engine.add(again)
    await backdate()
    expect(await lost.sweep()).toBe(0)
    const { taken } = await take('normal')
    await until(async () => (taken.length === 1 ? true : undefined))
    expect(taken).toEqual([`${taskId}-1`])
  })

  it('may give a task to somebody who is lost: what was taken and not claimed is given again', async () => {
    let nowMs = 0
    const lost = new LostDeliveries(ledger.sql, engine, () => nowMs)
    await ledger.sql`update tasks set claimed_by = 'w', lease_expires_at = now() + interval '1 hour', status = 'InProgress'`
    const [taskId = '', waiting = ''] = await ledger.addTasks(2)
    await engine.add(await ledger.admit())
    await ledger.sql`update tasks set admitted_at = now() - interval '3 seconds' where id in (${taskId}, ${waiting})`
    const { taken, release } = await take('normal', { hold: true })
    await until(async () => taken.length === 1 || undefined)
    const [first] = taken
    const [holding, other] = first === `${taskId}-0` ? [taskId, waiting] : [waiting, taskId]
    expect(await lost.sweep()).toBe(0)
    nowMs += 1999
    expect(await lost.sweep()).toBe(0)
    nowMs += 1
    expect(await lost.sweep()).toBe(1)
    expect(await ledger.task(holding)).toMatchObject({ dispatch: 1, admittedAt: null })
    expect(await ledger.task(other)).toMatchObject({ dispatch: 0 })
    await engine.add(await ledger.admit())
    release()
    await until(async () => taken.includes(`${holding}-1`) || undefined)
  })
}
