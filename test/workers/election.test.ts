import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sweepsOffice } from '../../src/db/elections.ts'
import { Election } from '../../workers/election.ts'
import { type Ledger, openLedger, silent } from '../support/ledger.ts'
import { until } from '../support/system.ts'

describe('the election of the worker that sweeps', () => {
  let ledger: Ledger

  beforeAll(async () => {
    ledger = await openLedger()
  })
  afterAll(() => ledger.close())

  const candidate = (holder: string) => new Election({ sql: ledger.sql, holder, log: silent })
  const standAll = (all: readonly Election[]) => Promise.all(all.map((one) => one.stand()))
  const held = (all: readonly Election[]) => all.filter((one) => one.isHeld())

  it('is won by one, however many stand at once, and again and again by the same', async () => {
    const all = Array.from({ length: 12 }, (_, index) => candidate(`w${index}`))
    await standAll(all)
    const [winner, ...others] = held(all)
    expect(others).toEqual([])
    for (let round = 0; round < 5; round++) {
      await standAll(all)
      expect(held(all)).toEqual([winner])
    }
    await winner?.leave()
  })

  it('comes to another as soon as the elected one leaves, who does not stand again', async () => {
    const [first, second] = [candidate('first'), candidate('second')]
    await first.stand()
    await second.stand()
    expect([first.isHeld(), second.isHeld()]).toEqual([true, false])
    await first.leave()
    expect(first.isHeld()).toBe(false)
    await first.stand()
    await second.stand()
    expect([first.isHeld(), second.isHeld()]).toEqual([false, true])
    await second.leave()
  })

  it('comes to another within the term when the elected one is silent, who has stopped believing in it before', async () => {
    const [silentOne, other] = [candidate('silent'), candidate('other')]
    await silentOne.stand()
    const stoppedAt = performance.now()
    let wereBoth = false
    await until(async () => {
      await other.stand()
      wereBoth ||= silentOne.isHeld() && other.isHeld()
      return other.isHeld() || undefined
    })
    expect(wereBoth).toBe(false)
    expect(performance.now() - stoppedAt).toBeGreaterThan(1900)
    expect(performance.now() - stoppedAt).toBeLessThan(2500)
    await other.leave()
  })

  it('comes to another when the elected one cannot do what it asks, and back when nobody else can', async () => {
    const [unable, other] = [candidate('unable'), candidate('other')]
    await unable.stand()
    await unable.stepBack()
    await unable.stand()
    expect(unable.isHeld()).toBe(false)
    await other.stand()
    expect(other.isHeld()).toBe(true)
    await other.leave()
    await until(async () => {
      await unable.stand()
      return unable.isHeld() || undefined
    }, 2000)
    await unable.leave()
  })

  it('lets rest what must rest after an outage of the ledger, also where nobody was elected then', async () => {
    const one = candidate('one')
    const { sql } = ledger
    await sql`alter table elections rename to elections_away`
    await expect(one.stand()).rejects.toThrow('elections')
    await sql`alter table elections_away rename to elections`
    await one.stand()
    expect(one.isHeld()).toBe(true)
    expect(one.isHeld({ restMs: 300 })).toBe(false)
    await until(async () => one.isHeld({ restMs: 300 }) || undefined)
    await one.leave()
  })

  it('writes nothing for those who are not elected', async () => {
    const [one, other] = [candidate('one'), candidate('other')]
    await one.stand()
    const version = () => ledger.sql`select xmin, xmax, ctid from elections where office = ${sweepsOffice}`
    const before = await version()
    for (let round = 0; round < 3; round++) await other.stand()
    expect(await version()).toEqual(before)
    await one.leave()
  })
})
