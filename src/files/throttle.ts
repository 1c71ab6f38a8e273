import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Spreads bytes over time: what it answers resolves when as many may be moved again. Unlimited without a rate. A pause of up
 * to a second is made up for. Rejects with the signal's reason.
 */
export function createThrottle(
  bytesPerSecond: number | undefined,
  signal: AbortSignal,
): (countBytes: number) => Promise<void> {
  if (bytesPerSecond === undefined) return async () => {}
  let freeAtMs = performance.now()
  return async (countBytes) => {
    const nowMs = performance.now()
    freeAtMs = Math.max(freeAtMs, nowMs - 1000) + (1000 * countBytes) / bytesPerSecond
    const waitMs = freeAtMs - nowMs
    if (waitMs <= 0) return
    await sleep(waitMs, undefined, { signal }).catch((error: unknown) => {
      signal.throwIfAborted()
      throw error
    })
  }
}
