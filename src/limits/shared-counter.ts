import {
  type IRateLimiterOptions,
  RateLimiterMemory,
  RateLimiterRedis,
  type RateLimiterRes,
} from 'rate-limiter-flexible'
import type { RedisClient } from '../queue/redis.ts'

export type Count = { used: number; limit: number; resetMs: number; isOver: boolean }

/** Counts uses of keys, each from its first use to the end of a minute. */
export type Counter = {
  /** Counts one use more, and answers how many there were. Never throws. */
  use: (key: string) => Promise<Count>
  /** How it stands, as far as this process knows; undefined when it knows of nothing. */
  look: (key: string) => Count | undefined
}

const windowSeconds = 60
/** After Redis did not answer, this long is counted in memory without asking it: no request may wait for it again and again. */
const leftAloneMs = 2000

/**
 * A counter that all processes share through Redis, or one of this process alone without it. While Redis does not answer,
 * every process counts for itself.
 */
export function createCounter(redis: RedisClient | undefined, options: { name: string; limit: number }): Counter {
  const { name, limit } = options
  const rules: IRateLimiterOptions = { keyPrefix: name, points: limit, duration: windowSeconds }
  const own = new RateLimiterMemory(rules)
  const shared =
    redis &&
    new RateLimiterRedis({
      ...rules,
      storeClient: redis,
      // Who is over the limit is known here from then on, and costs no question more.
      inMemoryBlockOnConsumed: limit + 1,
    })
  const over = new Map<string, number>()
  let aloneUntilMs = 0

  const consume = async (key: string): Promise<RateLimiterRes> => {
    if (!shared || performance.now() < aloneUntilMs) return own.consume(key)
    try {
      return await shared.consume(key)
    } catch (error) {
      if (!(error instanceof Error)) throw error
      aloneUntilMs = performance.now() + leftAloneMs
      return own.consume(key)
    }
  }
  return {
    use: async (key) => {
      try {
        const result = await consume(key)
        return { used: result.consumedPoints, limit, resetMs: result.msBeforeNext, isOver: false }
      } catch (refusal) {
        const resetMs = msBeforeNext(refusal)
        noteOver(over, key, performance.now() + resetMs)
        return { used: limit + 1, limit, resetMs, isOver: true }
      }
    },
    look: (key) => {
      const resetMs = (over.get(key) ?? 0) - performance.now()
      if (resetMs > 0) return { used: limit + 1, limit, resetMs, isOver: true }
      over.delete(key)
      return undefined
    },
  }
}

/** A refusal of the library is no Error but a result. */
function msBeforeNext(refusal: unknown): number {
  if (typeof refusal === 'object' && refusal !== null && 'msBeforeNext' in refusal) return Number(refusal.msBeforeNext)
  throw refusal
}

const mostNoted = 10_000

function noteOver(over: Map<string, number>, key: string, untilMs: number): void {
  over.delete(key)
  over.set(key, untilMs)
  const [oldest] = over.keys()
  if (over.size > mostNoted && oldest !== undefined) over.delete(oldest)
}
