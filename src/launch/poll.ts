import { setTimeout as delay } from 'node:timers/promises'

/** Asks every `everyMs` until the answer is something other than undefined. Past the deadline it answers undefined. */
export async function poll<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  { everyMs, deadlineMs, signal }: { everyMs: number; deadlineMs: number; signal?: AbortSignal | undefined },
): Promise<T | undefined> {
  const end = performance.now() + deadlineMs
  for (;;) {
    signal?.throwIfAborted()
    const answer = await ask()
    if (answer !== undefined || performance.now() >= end) return answer
    await delay(everyMs)
  }
}
