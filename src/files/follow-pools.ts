import { isDatabaseUnavailable } from '../db/connect.ts'
import type { Signals } from '../db/signals.ts'
import type { Log } from '../log.ts'
import type { Pools } from './pools.ts'

/** A signal may be lost; so long a process may go on with what a pool was before. */
const refreshEveryMs = 10_000

export type FollowDeps = { pools: Pick<Pools, 'refresh'>; signals: Pick<Signals, 'on'>; log: Log }

/** Has a process see what becomes of pools: at once by signal, and now and then by itself. */
export function followPools({ pools, signals, log }: FollowDeps): { close: () => void } {
  let running = false
  let isAskedAgain = false
  const refresh = async (): Promise<void> => {
    if (running) {
      isAskedAgain = true
      return
    }
    running = true
    do {
      isAskedAgain = false
      await pools.refresh().catch((error: unknown) => {
        const level = isDatabaseUnavailable(error) ? 'debug' : 'warn'
        log[level]({ err: error }, 'the storage pools could not be read again')
      })
    } while (isAskedAgain)
    running = false
  }
  const unfollow = signals.on('pools', () => void refresh())
  const timer = setInterval(() => void refresh(), refreshEveryMs)
  timer.unref()
  return {
    close: () => {
      clearInterval(timer)
      unfollow()
    },
  }
}
