import { setMaxListeners } from 'node:events'
import type { Log } from '../src/log.ts'

export type Chore = {
  name: string
  everyMs: number
  run: () => Promise<number>
  /** How long to hold back after a failure: what others could not do meanwhile must not be held against them. */
  restAfterFailureMs?: number
  /** Whether it is this process's turn; without it, it always is. */
  isDue?: () => boolean
}

/** How often a process looks whether a chore that is another one's has become its own. */
const lookEveryMs = 200

/** Runs chores again and again, each on its own beat and never twice at once. A failing one is logged and tried again. */
export function startMaintenance(chores: readonly Chore[], log: Log): { close: () => Promise<void> } {
  const stop = new AbortController()
  // Every chore listens while it rests.
  setMaxListeners(chores.length, stop.signal)
  const loops = chores.map((chore) => repeat(chore, stop.signal, log))
  return {
    close: async () => {
      stop.abort()
      await Promise.all(loops)
    },
  }
}

async function repeat(chore: Chore, signal: AbortSignal, log: Log): Promise<void> {
  let failing = false
  while (!signal.aborted) {
    if (chore.isDue?.() === false) {
      await pause(Math.min(chore.everyMs, lookEveryMs), signal)
      continue
    }
    let pauseMs = chore.everyMs
    try {
      const done = await chore.run()
      if (done > 0) log.info({ chore: chore.name, done }, 'swept')
      failing = false
    } catch (error) {
      // One line per outage, not one per beat.
      if (!failing) log.warn({ err: error, chore: chore.name }, 'a chore failed')
      failing = true
      pauseMs = Math.max(chore.everyMs, chore.restAfterFailureMs ?? 0)
    }
    await pause(pauseMs, signal)
  }
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, durationMs)
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
