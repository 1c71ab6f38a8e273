import { isIPv6 } from 'node:net'
import { AppError } from '../errors.ts'
import type { RedisClient } from '../queue/redis.ts'
import { type Count, createCounter } from './shared-counter.ts'

export type RequestLimits = {
  /** Counts a request of an account, and answers how it stands. Throws RATE_LIMITED with when to come again. */
  useAccount: (account: string) => Promise<Count>
  /** Counts against an address what a stranger asked for, with no token or a wrong one. Throws RATE_LIMITED. */
  useAddress: (address: string) => Promise<Count>
  /** Counts against an address what it asked for by share links. Throws RATE_LIMITED; the rest of the API stays open to it. */
  useShare: (address: string) => Promise<Count>
  /** Throws RATE_LIMITED for an address that is known to be over its limit, before anything is done for it. */
  requireAddress: (address: string) => void
}

export type RequestLimitsOptions = {
  /** Counts for all processes. It answers within its own time limit, or each counts for itself. */
  redis: RedisClient | undefined
  queuePrefix: string
  requestsPerMinute: { account: number; address: number; share: number }
}

export function openRequestLimits({ redis, queuePrefix, requestsPerMinute }: RequestLimitsOptions): RequestLimits {
  const accounts = createCounter(redis, { name: `${queuePrefix}:requests:account`, limit: requestsPerMinute.account })
  const addresses = createCounter(redis, { name: `${queuePrefix}:requests:address`, limit: requestsPerMinute.address })
  const shares = createCounter(redis, { name: `${queuePrefix}:requests:share`, limit: requestsPerMinute.share })
  return {
    useAccount: async (account) => requireUnder(accounts.look(account) ?? (await accounts.use(account)), 'account'),
    useAddress: async (address) => requireUnder(await addresses.use(networkOf(address)), 'address'),
    useShare: async (address) => {
      const network = networkOf(address)
      return requireUnder(shares.look(network) ?? (await shares.use(network)), 'share')
    },
    requireAddress: (address) => {
      const count = addresses.look(networkOf(address))
      if (count) requireUnder(count, 'address')
    },
  }
}

const whatIsTooMuch = {
  account: 'Too many requests of this account',
  address: 'Too many requests of this address',
  share: 'Too many requests of this address for what is shared',
}

function requireUnder(count: Count, whose: 'account' | 'address' | 'share'): Count {
  if (!count.isOver) return count
  const retryAfterSeconds = Math.max(1, Math.ceil(count.resetMs / 1000))
  throw new AppError('RATE_LIMITED', `${whatIsTooMuch[whose]}: at most ${count.limit} a minute.`, {
    details: { limit: count.limit, windowSeconds: 60, per: whose },
    retryAfterSeconds,
  })
}

/** An IPv6 customer has a whole /64, so the addresses in it count as one. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!isIPv6(address)) return address
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const front = head === '' ? [] : head.split(':')
  const back = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...front, ...Array.from({ length: 8 - front.length - back.length }, () => '0'), ...back]
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
