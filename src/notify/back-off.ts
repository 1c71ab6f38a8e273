const firstMs = 5000
const mostMs = 2 * 3_600_000
/** However long a receiver asks for, it is asked again within its day. */
const mostAskedMs = 6 * 3_600_000

/**
 * How long to wait after so many attempts that failed: 5 s, three times as long each time, two hours at most, and of that
 * a random third less, so that what failed together does not come back together. `Retry-After` in seconds or as a date
 * (RFC 9110 §10.2.3) makes it longer.
 */
export function backOffMs(attempts: number, retryAfter?: string, now = Date.now(), random = Math.random): number {
  const ownMs = Math.min(mostMs, firstMs * 3 ** Math.min(attempts - 1, 20)) * (1 - random() / 3)
  return Math.round(Math.max(ownMs, Math.min(mostAskedMs, askedMs(retryAfter, now))))
}

function askedMs(retryAfter: string | undefined, now: number): number {
  if (retryAfter === undefined) return 0
  if (/^\d{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1000
  const until = Date.parse(retryAfter)
  return Number.isNaN(until) ? 0 : until - now
}
