import { randomBytes } from 'node:crypto'
import { describe, inject } from 'vitest'

/** Runs its tests where there is a Redis. Where there is none the run says so loudly, and fails in CI. */
export const describeWithRedis = inject('redisUrl') === undefined ? describe.skip : describe

/** The run's Redis, shared by all test files: keep to a prefix of your own, and never flush it. */
export function sharedRedis(): { redisUrl: string; prefix: string } {
  const redisUrl = inject('redisUrl')
  if (redisUrl === undefined) throw new Error('there is no Redis: use describeWithRedis')
  return { redisUrl, prefix: `test-${randomBytes(8).toString('hex')}` }
}
