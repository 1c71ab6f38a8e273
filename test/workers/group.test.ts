import { describe, expect, it } from 'vitest'
import { createGroup } from '../../workers/group.ts'

describe('a group', () => {
  /** Doubles numbers once it is let; fails for any round with a negative one. */
  function doubling() {
    const rounds: number[][] = []
    const gates: (() => void)[] = []
    const group = createGroup(async (items: readonly number[]) => {
      rounds.push([...items])
      await new Promise<void>((resolve) => gates.push(resolve))
      if (items.some((item) => item < 0)) throw new Error(`no ${items.join(' ')}`)
      return items.map((item) => 2 * item)
    })
    /** Lets the round go on that is under way, and resolves when the next has begun, if one does. */
    const step = async (): Promise<void> => {
      for (let turns = 0; gates.length === 0 && turns < 100; turns++) await new Promise(setImmediate)
      gates.shift()?.()
      for (let turns = 0; gates.length === 0 && turns < 5; turns++) await new Promise(setImmediate)
    }
    return { rounds, group, step }
  }

  it('takes what comes at once in one round, and what comes meanwhile in the next, each its own answer', async () => {
    const { rounds, group, step } = doubling()
    const first = Promise.all([1, 2, 3].map(group))
    for (let turns = 0; rounds.length === 0 && turns < 100; turns++) await new Promise(setImmediate)
    const second = Promise.all([4, 5].map(group))
    expect(rounds).toEqual([[1, 2, 3]])
    await step()
    expect(await first).toEqual([2, 4, 6])
    expect(rounds).toEqual([
      [1, 2, 3],
      [4, 5],
    ])
    await step()
    expect(await second).toEqual([8, 10])
  })

  it('never has two rounds under way, and begins anew when it has rested', async () => {
    let running = 0
    let most = 0
    const group = createGroup(async (items: readonly number[]) => {
      most = Math.max(most, ++running)
      await new Promise(setImmediate)
      running--
      return [...items]
    })
    const answers: number[] = []
    for (let batch = 0; batch < 20; batch++) {
      const round = Promise.all([0, 1, 2].map((item) => group(3 * batch + item)))
      if (batch % 3 === 0) await new Promise(setImmediate)
      answers.push(...(await round))
      void group(-1)
    }
    expect(answers).toEqual(Array.from({ length: 60 }, (_, index) => index))
    expect(most).toBe(1)
  })

  it('has as many rounds under way as it is told, and each item in one of them', async () => {
    let running = 0
    let most = 0
    const seen: number[] = []
    const group = createGroup(async (items: readonly number[]) => {
      most = Math.max(most, ++running)
      seen.push(...items)
      for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate)
      running--
      return items.map((item) => 2 * item)
    }, 2)
    const answers: Promise<number>[] = []
    for (let item = 0; item < 50; item++) {
      answers.push(group(item))
      if (item % 3 === 0) await new Promise(setImmediate)
    }
    expect(await Promise.all(answers)).toEqual(Array.from({ length: 50 }, (_, item) => 2 * item))
    expect(seen.sort((one, other) => one - other)).toEqual(Array.from({ length: 50 }, (_, item) => item))
    expect(most).toBe(2)
  })

  it('tries each by itself when a round fails, so that one does not spoil the others', async () => {
    const { rounds, group, step } = doubling()
    const settled = Promise.allSettled([1, -2, 3].map(group))
    for (let round = 0; round < 4; round++) await step()
    expect(await settled).toEqual([
      { status: 'fulfilled', value: 2 },
      { status: 'rejected', reason: new Error('no -2') },
      { status: 'fulfilled', value: 6 },
    ])
    expect(rounds).toEqual([[1, -2, 3], [1], [-2], [3]])
  })

  it('goes on after a failure', async () => {
    const { group, step } = doubling()
    const failed = Promise.allSettled([group(-1)])
    await step()
    expect(await failed).toEqual([{ status: 'rejected', reason: new Error('no -1') }])
    const next = group(4)
    await step()
    expect(await next).toBe(8)
  })

  it('keeps rounds to 256, in the order they came', async () => {
    const sizes: number[] = []
    const seen: number[] = []
    const group = createGroup(async (items: readonly number[]) => {
      sizes.push(items.length)
      seen.push(...items)
      return [...items]
    })
    const all = Array.from({ length: 600 }, (_, index) => index)
    expect(await Promise.all(all.map(group))).toEqual(all)
    expect(sizes).toEqual([256, 256, 88])
    expect(seen).toEqual(all)
  })

  it('hands on answers that are undefined, and leaves nobody waiting when answers are missing', async () => {
    const none = createGroup(async (items: readonly number[]) => items.map(() => undefined))
    expect(await Promise.all([none(1), none(2)])).toEqual([undefined, undefined])
    const short = createGroup(async (items: readonly number[]) => items.slice(1))
    const settled = await Promise.allSettled([short(1), short(2)])
    expect(settled.map((one) => one.status)).toEqual(['rejected', 'rejected'])
  })
})
