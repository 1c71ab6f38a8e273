import type { Sealer } from '../src/auth/seal.ts'
import type { Sql } from '../src/db/connect.ts'
import type { Signals } from '../src/db/signals.ts'
import type { Log } from '../src/log.ts'
import { deliver } from '../src/notify/deliver.ts'
import type { AllowedHosts } from '../src/notify/destination.ts'
import { followEvents } from '../src/notify/follow.ts'
import { createPost } from '../src/notify/post.ts'
import type { VapidSettings } from '../src/notify/vapid.ts'
import type { Engine } from '../src/queue/engine.ts'

export type NotifyDeps = {
  sql: Sql
  signals: Pick<Signals, 'on'>
  engine: Engine
  sealer: Sealer | undefined
  election: { isHeld: () => boolean }
  log: Log
}

export type NotifySettings = {
  allowedHosts: AllowedHosts
  webhooks: { timeoutMs: number; concurrency: number }
  push: { vapid: VapidSettings | undefined; longMs: number }
}

/** More of an answer is not read. */
const answerBytes = 64 * 1024
/** Beyond the attempt, for the ledger to be told what it came to. */
const spareMs = 3000

/** Sees to it that accounts are told of their events: follows them while elected, and makes deliveries all the time. */
export async function startNotify(
  deps: NotifyDeps,
  { allowedHosts, webhooks, push }: NotifySettings,
): Promise<{ close: () => Promise<void> }> {
  const { engine, log } = deps
  const shutdown = new AbortController()
  const { timeoutMs, concurrency } = webhooks
  const delivering = {
    ...deps,
    deliveries: engine.webhookDeliveries,
    post: createPost(allowedHosts, { timeoutMs, answerBytes }),
    leaseMs: timeoutMs + spareMs,
    shutdown: shutdown.signal,
  }
  const following = followEvents({
    ...delivering,
    isElected: () => deps.election.isHeld(),
    longMs: push.vapid && push.longMs,
  })
  const consumer =
    concurrency === 0
      ? undefined
      : await engine.webhookDeliveries.consume(concurrency, (job) => deliver(delivering, job))
  log.debug({ concurrency }, 'telling webhooks')
  return {
    close: async () => {
      // At once: an attempt may take longer than a stop, and counts for nothing until it is noted.
      shutdown.abort()
      await Promise.all([following.close(), consumer?.close()])
    },
  }
}
