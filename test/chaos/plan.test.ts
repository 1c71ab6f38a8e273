import { describe, expect, it } from 'vitest'
import { planRounds } from '../../scripts/chaos/plan.ts'

const plan = (seed: number, rounds: number, engine: 'redis' | 'postgres' = 'redis') =>
  planRounds({ seed, rounds, engine })
const kinds = (rounds: ReturnType<typeof plan>) => rounds.map(({ faults }) => faults.map(({ kind }) => kind))

describe('the schedule of faults', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(plan(1, 20)).toEqual(plan(1, 20))
    expect(plan(2, 20)).not.toEqual(plan(1, 20))
  })

  it.each([1, 2, 3, 4, 5])('strikes everything in turn (seed %i)', (seed) => {
    const all = ['api', 'flush', 'postgres', 'redis', 'worker']
    const rounds = kinds(plan(seed, 20))
    for (let at = 0; at < 20; at += 5) expect([...new Set(rounds.slice(at, at + 5).flat())].sort()).toEqual(all)
    for (const few of [1, 2, 3]) expect([...new Set(kinds(plan(seed, few)).flat())].sort()).toEqual(all)
  })

  it('strikes something in every round, each kind once', () => {
    for (const round of kinds(plan(3, 100))) {
      expect(round.length).toBeGreaterThan(0)
      expect(new Set(round).size).toBe(round.length)
    }
  })

  it('leaves out a Redis that is not there', () => {
    expect(kinds(plan(1, 20, 'postgres')).flat()).not.toContain('redis')
  })
})
