import { expect, test } from 'vitest'
import { backoffMs } from '../../src/client/backoff.ts'
import { Parallelism } from '../../src/client/parallelism.ts'
import { SpeedWindow } from '../../src/client/speed.ts'

/** A network that carries so many bytes a second for each chunk under way, up to so many in all. */
function afterRounds(
  rounds: number,
  options: { perChunk: number; inAll: number },
  parallelism: Parallelism,
  clock: Clock,
) {
  const seen: number[] = []
  for (let round = 0; round < rounds; round++) {
    const { limit } = parallelism
    seen.push(limit)
    const rate = Math.min(limit * options.perChunk, options.inAll)
    for (let chunk = 0; chunk < limit * 2; chunk++) {
      clock.ms += 1_000_000 / rate
      parallelism.arrived(1000)
    }
  }
  return seen
}
type Clock = { ms: number }

test('it sends more at once as long as that is faster, and stays about where it no longer is', () => {
  const clock = { ms: 0 }
  const parallelism = new Parallelism(undefined, 16, () => clock.ms)
  const seen = afterRounds(40, { perChunk: 1000, inAll: 6000 }, parallelism, clock)
  expect(Math.max(...seen)).toBe(7)
  expect(seen.slice(10).every((limit) => limit >= 5 && limit <= 7)).toBe(true)
})

test('it halves at once when it is too much, and never leaves its bounds', () => {
  const clock = { ms: 0 }
  const parallelism = new Parallelism({ min: 2, max: 8 }, 16, () => clock.ms)
  afterRounds(20, { perChunk: 1000, inAll: 1_000_000 }, parallelism, clock)
  expect(parallelism.limit).toBe(8)
  parallelism.overloaded()
  expect(parallelism.limit).toBe(4)
  for (let often = 0; often < 5; often++) parallelism.overloaded()
  expect(parallelism.limit).toBe(2)
  expect(new Parallelism(5, 16).limit).toBe(5)
})

test('speed is that of the last ten seconds, and nothing is left of it after a stop', () => {
  const clock = { ms: 0 }
  const speed = new SpeedWindow(() => clock.ms)
  for (; clock.ms < 60_000; clock.ms += 1000) speed.add(clock.ms < 50_000 ? 1_000_000 : 1000)
  expect(speed.outlook(10_000).bytesPerSecond).toBeLessThan(2000)
  expect(speed.outlook(0).secondsLeft).toBe(0)
  clock.ms += 20_000
  expect(speed.outlook(10_000)).toEqual({ bytesPerSecond: 0, secondsLeft: null })
})

test('it waits as long as it is asked to, and else a random time that grows', () => {
  for (let often = 0; often < 100; often++) {
    expect(backoffMs(0, 3)).toBeGreaterThanOrEqual(3000)
    expect(backoffMs(0)).toBeLessThanOrEqual(250)
    expect(backoffMs(50)).toBeLessThanOrEqual(15_000)
  }
  expect(new Set(Array.from({ length: 20 }, () => backoffMs(5))).size).toBeGreaterThan(1)
})
