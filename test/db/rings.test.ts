import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Delivery, findUnclaimed, leaveRings, readmitLost } from '../../src/db/admission.ts'
import { transact } from '../../src/db/connect.ts'
import { insertTasks } from '../../src/db/new-tasks.ts'
import { type Ledger, openLedger } from '../support/ledger.ts'
import { until } from '../support/system.ts'

describe('admission, over again and anew', () => {
  let ledger: Ledger

  beforeEach(async () => {
    ledger = await openLedger()
  })
  afterEach(() => ledger.close())

  const idsOf = (deliveries: readonly Delivery[]) => deliveries.map((one) => one.taskId)
  const byRank = (deliveries: readonly Delivery[]) => deliveries.toSorted((a, b) => a.rank - b.rank)

  /** Workers take these and are done with them. */
  async function serve(deliveries: readonly Delivery[]): Promise<void> {
    await ledger.sql`
      update tasks set status = 'Completed', runnable = false where id = any(${idsOf(deliveries)}::uuid[])`
  }

  async function ring(): Promise<string[]> {
    const rows = await ledger.sql<{ accountId: string }[]>`select account_id from band_accounts order by account_id`
    return rows.map((row) => row.accountId)
  }

  const leave = () => transact(ledger.sql, leaveRings)

  describe('of what the engine has lost', () => {
    it('comes again under a new number, unless it was claimed or raised meanwhile', async () => {
      const ids = await ledger.addTasks(4)
      const deliveries = await ledger.admit()
      const [lost = '', claimed = '', raised = '', fresh = ''] = ids
      await ledger.sql`update tasks set admitted_at = now() - interval '3 seconds' where id <> ${fresh}`
      const unclaimed = await findUnclaimed(ledger.sql, 2000, 100)
      expect(idsOf(unclaimed).sort()).toEqual([lost, claimed, raised].sort())
      await ledger.claim(claimed, 0)
      await ledger.sql`update tasks set dispatch = 5 where id = ${raised}`
      expect(await transact(ledger.sql, (query) => readmitLost(query, unclaimed))).toBe(1)
      const again = await ledger.admit()
      expect(again).toMatchObject([{ taskId: lost, dispatch: 1 }])
      expect(deliveries).toHaveLength(4)
    })

    it('comes again once, however many find it lost, and though its account had left the ring', async () => {
      const [taskId = ''] = await ledger.addTasks(1)
      await ledger.admit()
      await leave()
      await ledger.sql`delete from band_accounts`
      const lost = [{ taskId, dispatch: 0 }]
      const counts = await Promise.all(
        Array.from({ length: 5 }, () => transact(ledger.sql, (query) => readmitLost(query, lost))),
      )
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1)
      expect(await ledger.admit()).toMatchObject([{ taskId, dispatch: 1 }])
    })
  })

  describe('rings', () => {
    it('keep those that have something waiting, be it for later, and let the others go', async () => {
      const [idle, busy, later] = [randomUUID(), randomUUID(), randomUUID()]
      await ledger.addTask({ accountId: idle })
      await serve(await ledger.admit())
      await ledger.addTask({ accountId: busy })
      const id = await ledger.addTask({ accountId: later })
      await ledger.sql`update tasks set ready_at = now() + interval '1 minute' where id = ${id}`
      expect(await leave()).toBe(1)
      expect(await ring()).toEqual([busy, later].sort())
    })

    it('do not forget turns that an account has been given but has not had', async () => {
      const accountId = randomUUID()
      await ledger.addTasks(200, { accountId })
      const window = await ledger.admit()
      expect(await leave()).toBe(0)
      await ledger.addTasks(200, { accountId })
      const other = new Set(await ledger.addTasks(200))
      const rest = await ledger.admit()
      // The other one catches up: its turns lie beside the 200 that the first was given before.
      const order = byRank([...window, ...rest]).map((one) => other.has(one.taskId))
      expect(order.slice(0, 300).filter(Boolean).length).toBeGreaterThanOrEqual(140)
      await serve([...window, ...rest])
      await serve(await ledger.admit())
      expect(await leave()).toBe(2)
    })

    it('wait for who is joining, so that no task is left behind', async () => {
      const accountId = randomUUID()
      await ledger.addTask({ accountId })
      await serve(await ledger.admit())
      const fields = { accountId, type: 'Test', name: 'late', status: 'Pending', parameters: {}, priority: 50 } as const
      const id = randomUUID()
      let commit = () => {}
      const committed = new Promise<void>((resolve) => {
        commit = resolve
      })
      let isJoined = false
      const joining = transact(ledger.sql, async (query) => {
        await insertTasks(query, [{ ...fields, id, runnable: true }])
        isJoined = true
        await committed
      })
      await until(async () => isJoined || undefined)
      // The task is not to be seen yet, but that somebody joins is.
      expect(await leave()).toBe(0)
      commit()
      await joining
      expect(idsOf(await ledger.admit())).toEqual([id])
    })

    it('lose nobody while some join and others are taken off, many at once', async () => {
      const accounts = Array.from({ length: 5 }, () => randomUUID())
      const served = new Set<string>()
      const ids = new Set<string>()
      const over = new AbortController()
      const sweeping = (async () => {
        while (!over.signal.aborted) await leave()
      })()
      const submitting = accounts.map(async (accountId) => {
        for (let round = 0; round < 25; round++) {
          const id = await ledger.addTask({ accountId })
          ids.add(id)
          await until(async () => {
            const admitted = await ledger.admit()
            await serve(admitted)
            for (const one of admitted) served.add(one.taskId)
            return served.has(id) || undefined
          }, 5000)
        }
      })
      await Promise.all(submitting)
      over.abort()
      await sweeping
      expect([...served].sort()).toEqual([...ids].sort())
      await leave()
      expect(await ring()).toEqual([])
    })
  })
})
