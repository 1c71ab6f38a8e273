import { setTimeout as delay } from 'node:timers/promises'
import { transactReplanned } from '../db/connect.ts'
import {
  currentSnapshot,
  holdFeed,
  isFeedOpen,
  leaveFeed,
  moveFeed,
  nextStretch,
  type Stretch,
} from '../db/notify-feed.ts'
import type { Signals } from '../db/signals.ts'
import { covers } from '../db/snapshot.ts'
import { deriveNotices, hasSubscriptions } from '../db/push.ts'
import { deriveDeliveries, findDueWebhooks } from '../db/webhook-deliveries.ts'
import { hasWebhooks } from '../db/webhooks.ts'
import type { Log } from '../log.ts'
import { admit, type DeliverDeps } from './deliver.ts'

export type FollowDeps = Pick<DeliverDeps, 'sql' | 'deliveries'> & {
  signals: Pick<Signals, 'on'>
  /** Whether it is this process that is to do it. Two at once do no harm. */
  isElected: () => boolean
  /** An end is told by push when the task has taken so long; undefined: none is. */
  longMs: number | undefined
  log: Log
}

const lookEveryMs = 1000
/** Rounds follow each other no faster, and take this share of the time at most: the ledger has other things to do. */
const minGapMs = 20
const mostShare = 0.1

/**
 * Reads the event log for those who want to be told, by a cursor in the ledger: at once when there are events, and every
 * second. While nobody wants to be told there is one small question a second, whatever happens.
 */
export function followEvents(deps: FollowDeps): { close: () => Promise<void> } {
  const closing = new AbortController()
  let ring = (): void => {}
  let hasRung = false
  const off = deps.signals.on('events', () => {
    hasRung = true
    ring()
  })
  const rung = async (): Promise<void> => {
    if (hasRung) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lookEveryMs)
      ring = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      hasRung = false
      const begunAtMs = performance.now()
      const isWanted = deps.isElected() && (await tryRound(deps))
      const tookMs = performance.now() - begunAtMs
      const restMs = isWanted ? Math.max(minGapMs, tookMs / mostShare) : lookEveryMs
      await delay(restMs, undefined, { signal: closing.signal }).catch(() => {})
      if (isWanted && !closing.signal.aborted) await rung()
    }
  }
  const running = run()
  return {
    close: async () => {
      off()
      closing.abort()
      ring()
      await running
    },
  }
}

/** One round; answers whether anybody wants to be told. */
async function tryRound(deps: FollowDeps): Promise<boolean> {
  try {
    if (!(await isFeedOpen(deps.sql))) return false
    while (await deriveNext(deps)) continue
    await admit(deps, await transactReplanned(deps.sql, findDueWebhooks))
    return true
  } catch (error) {
    deps.log.warn({ err: error }, 'those who want to be told could not be seen to; trying again')
    return false
  }
}

type DeriveDeps = Pick<FollowDeps, 'sql' | 'longMs' | 'log'>

/** Makes deliveries and notices of the next stretch of the event log. Answers whether there is more. */
export async function deriveNext({ sql, log, longMs }: DeriveDeps): Promise<boolean> {
  return transactReplanned(sql, async (query) => {
    const seen = await holdFeed(query)
    if (seen === undefined) return false
    const isPushed = longMs !== undefined && (await hasSubscriptions(query))
    if (!isPushed && !(await hasWebhooks(query))) {
      await leaveFeed(query)
      return false
    }
    const { upto, isLast } = nextStretch(seen, await currentSnapshot(query))
    if (!covers(upto, seen)) {
      // Only a ledger that was restored from a dump is behind its own cursor.
      log.warn('the event log is another one than before; webhooks and notices begin anew')
      await moveFeed(query, upto)
      return false
    }
    const stretch: Stretch = { seen, upto }
    await deriveDeliveries(query, stretch)
    if (isPushed) await deriveNotices(query, stretch, longMs)
    await moveFeed(query, upto)
    return !isLast
  })
}
