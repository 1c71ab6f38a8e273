import type { Signals } from '../db/signals.ts'

const pollMs = 500

/**
 * Asks `probe` until it answers something, each time the task is said to have changed and every 500 ms beside, for a
 * signal may be lost. Undefined when `timeoutMs` has passed or `signal` fired first.
 */
export async function waitForTask<Answer>(
  {
    signals,
    taskId,
    timeoutMs,
    signal,
  }: { signals: Pick<Signals, 'onTask'>; taskId: string; timeoutMs: number; signal: AbortSignal },
  probe: () => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  const deadline = Date.now() + timeoutMs
  let changed = false
  let wake: (() => void) | undefined
  const off = signals.onTask(taskId, () => {
    changed = true
    wake?.()
  })
  const onAbort = (): void => wake?.()
  signal.addEventListener('abort', onAbort)
  try {
    for (;;) {
      changed = false
      const answer = await probe()
      if (answer !== undefined) return answer
      const leftMs = deadline - Date.now()
      if (leftMs <= 0 || signal.aborted) return undefined
      if (changed) continue
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(pollMs, leftMs))
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  } finally {
    off()
    signal.removeEventListener('abort', onAbort)
  }
}
