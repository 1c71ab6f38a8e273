import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Delivery, leaveRings } from '../../src/db/admission.ts'
import { pauseBand, resumeBand } from '../../src/db/bands.ts'
import { transact } from '../../src/db/connect.ts'
import { insertTasks } from '../../src/db/new-tasks.ts'
import { type Ledger, openLedger } from '../support/ledger.ts'

describe('admission', () => {
  let ledger: Ledger

  beforeEach(async () => {
    ledger = await openLedger()
  })
  afterEach(() => ledger.close())

  const windowSize = 512
  const idsOf = (deliveries: readonly Delivery[]) => deliveries.map((one) => one.taskId)
  const byRank = (deliveries: readonly Delivery[]) => deliveries.toSorted((a, b) => a.rank - b.rank)

  /** Workers take these and are done with them. */
  async function serve(deliveries: readonly Delivery[]): Promise<void> {
    await ledger.sql`
      update tasks set status = 'Completed', runnable = false where id = any(${idsOf(deliveries)}::uuid[])`
  }

  const leave = () => transact(ledger.sql, leaveRings)

  it('fills the window and no more, however many ask at once, each task once', async () => {
    const ids = await ledger.addTasks(700)
    const rounds = await Promise.all(Array.from({ length: 4 }, () => ledger.admit()))
    const first = rounds.flat()
    expect(first).toHaveLength(windowSize)
    await serve(first)
    const rest = await ledger.admit()
    expect([...idsOf(first), ...idsOf(rest)].sort()).toEqual([...ids].sort())
    expect(Math.min(...rest.map((one) => one.rank))).toBeGreaterThan(Math.max(...first.map((one) => one.rank)))
  })

  it('is refilled in large steps', async () => {
    await ledger.addTasks(1000)
    const first = byRank(await ledger.admit())
    await serve(first.slice(0, 255))
    expect(await ledger.admit()).toEqual([])
    await serve(first.slice(255, 256))
    expect(await ledger.admit()).toHaveLength(256)
  })

  it('is filled to the brim when the engine has lost some of it', async () => {
    await ledger.addTasks(1000)
    await serve((await ledger.admit()).slice(0, 10))
    expect(await ledger.admit()).toEqual([])
    expect(await ledger.admit('normal', ['Test'], { whole: true })).toHaveLength(10)
    expect(await ledger.admit('normal', ['Test'], { whole: true })).toEqual([])
  })

  it.each([
    ['untouched', 0],
    ['half way through', 200],
  ])('lets one task pass 20,000 of another account while the window, %s, is full of those', async (_, served) => {
    const crowd = new Set(await ledger.addTasks(20_000))
    const window = byRank(await ledger.admit())
    await serve(window.slice(0, served))
    expect(await ledger.admit()).toEqual([])
    const one = await ledger.addTask()
    const admitted = await ledger.admit()
    expect(idsOf(admitted)).toEqual([one])
    const rank = admitted[0]?.rank ?? Number.POSITIVE_INFINITY
    const ahead = window.slice(served).filter((other) => crowd.has(other.taskId) && other.rank <= rank)
    expect(ahead.length).toBeLessThanOrEqual(100)
  })

  it('gives accounts that all have much to do equal turns, whoever came first', async () => {
    const accounts = Array.from({ length: 4 }, () => randomUUID())
    const owners = new Map<string, string>()
    for (const [nth, accountId] of accounts.entries()) {
      for (const id of await ledger.addTasks(nth === 0 ? 3000 : 300, { accountId })) owners.set(id, accountId)
    }
    const order = byRank(await ledger.admit()).map((one) => owners.get(one.taskId))
    expect(order).toHaveLength(windowSize)
    for (let at = 0; at < order.length; at += 4) expect(new Set(order.slice(at, at + 4)).size).toBe(4)
  })

  it('gives an account that was away no turns for that time', async () => {
    const accountId = randomUUID()
    await ledger.addTasks(2000)
    await serve(await ledger.admit())
    const returning = new Set(await ledger.addTasks(400, { accountId }))
    const order = byRank(await ledger.admit()).map((one) => returning.has(one.taskId))
    expect(order.slice(0, 100).filter(Boolean)).toHaveLength(50)
  })

  it('admits newcomers beyond the window, each one task, up to a bound', async () => {
    await ledger.addTasks(600)
    await ledger.admit()
    await insertNewcomers(2000, 2)
    let overflow = 0
    for (;;) {
      const admitted = await ledger.admit()
      if (admitted.length === 0) break
      expect(admitted.length).toBeLessThanOrEqual(64)
      overflow += admitted.length
    }
    expect(overflow).toBe(2048 - windowSize)
    const [row] = await ledger.sql`
      select max(count)::int as most from (
        select count(*) from tasks where admitted_at is not null and name = 'newcomer' group by account_id
      ) as counted`
    expect(row).toEqual({ most: 1 })
  })

  async function insertNewcomers(accounts: number, each: number): Promise<void> {
    const fields = { type: 'Test', name: 'newcomer', status: 'Pending', parameters: {}, runnable: true } as const
    const tasks = Array.from({ length: accounts }, () => randomUUID()).flatMap((accountId) =>
      Array.from({ length: each }, () => ({ ...fields, id: randomUUID(), accountId, priority: 50 })),
    )
    await transact(ledger.sql, (query) => insertTasks(query, tasks))
  }

  it('takes the more urgent of an account first, and of equals the older', async () => {
    const accountId = randomUUID()
    const ids: string[] = []
    for (const priority of [50, 35, 66, 50, 60]) ids.push(await ledger.addTask({ accountId, priority }))
    const order = idsOf(byRank(await ledger.admit()))
    expect(order).toEqual([2, 4, 0, 3, 1].map((at) => ids[at]))
  })

  it('keeps the bands apart', async () => {
    const ids = await Promise.all([100, 67, 66, 34, 33, 0].map((priority) => ledger.addTask({ priority })))
    for (const [band, places] of [
      ['high', [0, 1]],
      ['normal', [2, 3]],
      ['low', [4, 5]],
    ] as const) {
      const admitted = await ledger.admit(band)
      expect(admitted.every((one) => one.band === band)).toBe(true)
      expect(idsOf(admitted).sort()).toEqual(places.map((at) => String(ids[at])).sort())
    }
  })

  it('leaves alone what is not ready, and what nobody can run', async () => {
    const later = await ledger.addTask()
    const foreign = await ledger.addTask({ type: 'Foreign' })
    const held = await ledger.addTask()
    await ledger.claim(held, 0)
    await ledger.sql`update tasks set ready_at = now() + interval '1 minute' where id = ${later}`
    expect(await ledger.admit()).toEqual([])
    expect(await ledger.admit('normal', [])).toEqual([])
    expect(idsOf(await ledger.admit('normal', ['Test', 'Foreign']))).toEqual([foreign])
    await ledger.sql`update tasks set ready_at = now() where id = ${later}`
    expect(idsOf(await ledger.admit())).toEqual([later])
  })

  it('is not held up by a crowd of accounts whose tasks nobody can run', async () => {
    await insertNewcomers(700, 1)
    await ledger.sql`update tasks set type = 'Foreign'`
    const busy = randomUUID()
    await ledger.addTasks(1200, { accountId: busy })
    // It comes last of all in the order of the ring.
    await ledger.sql`update band_accounts set last_turn = 5 where account_id = ${busy}`
    expect(await ledger.admit()).toHaveLength(windowSize)
    const newcomer = await ledger.addTask({ accountId: 'ffffffff-ffff-4fff-bfff-ffffffffffff' })
    expect(idsOf(await ledger.admit())).toEqual([newcomer])
  })

  it('gives small ranks again when turns have come to the engine’s limit, and loses nothing', async () => {
    const accountId = randomUUID()
    await ledger.sql`update bands set turn = ${2 ** 20 - 10}`
    const early = await ledger.addTasks(5, { accountId })
    expect(Math.max(...(await ledger.admit()).map((one) => one.rank))).toBeLessThan(2 ** 21)
    // The account has nothing in the ledger any more, yet what was admitted comes back to it.
    await ledger.sql`delete from band_accounts`
    const late = await ledger.addTasks(20, { accountId: randomUUID() })
    const ids = [...early, ...late]
    const claimed = String(early[0])
    await ledger.claim(claimed, 0)
    await ledger.sql`update bands set turn = ${2 ** 20 + 100}`
    await ledger.sql`update band_accounts set last_turn = ${2 ** 20 + 100}`
    expect(await ledger.admit()).toEqual([])
    const again = await ledger.admit()
    expect(idsOf(again).sort()).toEqual(ids.filter((id) => id !== claimed).sort())
    for (const { rank } of again) {
      expect(rank).toBeGreaterThanOrEqual(1)
      expect(rank).toBeLessThan(2000)
    }
    // The jobs with the great ranks, should they come yet, are outdated.
    const raised = again.filter((one) => early.includes(one.taskId))
    expect(raised.map((one) => one.dispatch)).toEqual([1, 1, 1, 1])
    expect(await ledger.task(claimed)).toMatchObject({ dispatch: 0, status: 'InProgress' })
  })

  it('stops for a paused band, which takes back what nobody has claimed, and goes on after it', async () => {
    const accountId = randomUUID()
    const [running = '', ...waiting] = await ledger.addTasks(5, { accountId })
    await ledger.admit()
    await ledger.claim(running, 0)
    await leave()
    await ledger.sql`delete from band_accounts`
    await transact(ledger.sql, (query) => pauseBand(query, 'normal'))
    expect(await ledger.admit()).toEqual([])
    expect(await ledger.claim(String(waiting[0]), 0)).toBeUndefined()
    expect(await ledger.task(running)).toMatchObject({ dispatch: 0, status: 'InProgress' })
    const urgent = await ledger.addTask({ priority: 90 })
    expect(idsOf(await ledger.admit('high'))).toEqual([urgent])
    await transact(ledger.sql, (query) => resumeBand(query, 'normal'))
    const again = await ledger.admit()
    expect(idsOf(again).sort()).toEqual(waiting.sort())
    expect(new Set(again.map((one) => one.dispatch))).toEqual(new Set([1]))
  })
})
