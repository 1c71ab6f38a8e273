import { setTimeout as delay } from 'node:timers/promises'
import { ChaosError } from './chaos-error.ts'
import { isDatabaseUnavailable } from '../../src/db/connect.ts'

export type Wait = {
  everyMs?: number
  withinMs: number
  signal: AbortSignal
  /** Says what was still missing, should the time run out. */
  missing: () => string
}

/** Asks until the answer is something other than undefined. Throws ChaosError after `withinMs`, what the signal has when it fires. */
export async function until<Answer>(
  ask: () => Promise<Answer | undefined> | Answer | undefined,
  { everyMs = 10, withinMs, signal, missing }: Wait,
): Promise<Answer> {
  const end = performance.now() + withinMs
  for (;;) {
    signal.throwIfAborted()
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > end) throw new ChaosError(`after ${Math.round(withinMs / 1000)} s ${missing()}`)
    await pause(everyMs, signal)
  }
}

/** Does nothing for a while. Throws what the signal has when it fires. */
export async function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  await delay(durationMs, undefined, { signal }).catch(() => signal.throwIfAborted())
}

/** Asks the ledger; while it is away, as chaos has it, again and again for up to half a minute. */
export async function patiently<Answer>(ask: () => PromiseLike<Answer>, signal: AbortSignal): Promise<Answer> {
  const end = performance.now() + 30_000
  for (;;) {
    signal.throwIfAborted()
    try {
      return await ask()
    } catch (error) {
      if (!isDatabaseUnavailable(error) || performance.now() > end) throw error
    }
    await pause(100, signal)
  }
}
