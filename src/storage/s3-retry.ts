import { setTimeout as sleep } from 'node:timers/promises'
import { isTransient, s3Failure } from './s3-failure.ts'

/** How long a request may be repeated while somebody waits for its answer, and while a worker is at it. */
export const briefMs = 8000
export const patientMs = 60_000

const firstPauseMs = 100
const longestPauseMs = 5000

/** The pause before attempt number `attempt` (from 1), in ms: doubled each time, of which a random half is taken off. */
export function pauseMs(attempt: number): number {
  return Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)
}

/**
 * Does `work`, again and again for `patienceMs` while the store is busy, away, or answers what nobody can read. Fails with
 * the signal's reason or a storage failure.
 */
export async function retrying<T>(
  work: () => Promise<T>,
  { patienceMs, signal }: { patienceMs: number; signal?: AbortSignal | undefined },
): Promise<T> {
  const deadlineMs = performance.now() + patienceMs
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await work()
    } catch (error) {
      signal?.throwIfAborted()
      const delayMs = pauseMs(attempt)
      if (!isTransient(error) || performance.now() + delayMs > deadlineMs) throw s3Failure(error)
      await pause(delayMs, signal)
    }
  }
}

/** Resolves after a while; fails with the signal's reason. */
export async function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  await sleep(delayMs, undefined, signal ? { signal } : {}).catch(() => undefined)
  signal?.throwIfAborted()
}

/** The option by which a request of the SDK is ended. */
export function until(signal: AbortSignal | undefined): { abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {}
}
