import type { Sealer } from '../auth/seal.ts'
import { type Sql, transact, transactReplanned } from '../db/connect.ts'
import {
  admitDeliveries,
  type AttemptResult,
  type ClaimedDelivery,
  claimDelivery,
  type Dispatch,
  putBackDelivery,
  settleDelivered,
  settleFailed,
  settleGone,
} from '../db/webhook-deliveries.ts'
import type { Log } from '../log.ts'
import type { DeliveryQueue } from '../queue/webhook-deliveries.ts'
import { backOffMs } from './back-off.ts'
import type { Post, PostOutcome } from './post.ts'
import { openSecrets } from './secrets.ts'
import { signatureHeaders } from './sign.ts'

export type DeliverDeps = {
  sql: Sql
  deliveries: Pick<DeliveryQueue, 'add'>
  sealer: Sealer | undefined
  post: Post
  /** Longer than an attempt can take, and the writing of what it came to. */
  leaseMs: number
  /** Fires when this process ends: attempts are broken off and put back. */
  shutdown: AbortSignal
  log: Log
}

/** Hands what is due for these webhooks to the engine. */
export async function admit(
  { sql, deliveries }: Pick<DeliverDeps, 'sql' | 'deliveries'>,
  webhookIds: readonly string[],
) {
  if (webhookIds.length === 0) return
  const admitted = await transactReplanned(sql, (query) => admitDeliveries(query, webhookIds))
  await deliveries.add(admitted)
}

/** Makes one attempt of a delivery, and hands over what could not go before it. Never throws: the sweeps see to the rest. */
export async function deliver(deps: DeliverDeps, job: Dispatch): Promise<void> {
  const { sql, log, leaseMs } = deps
  try {
    const claimed = await claimDelivery(sql, job, leaseMs)
    if (!claimed) return log.debug(job, 'an outdated delivery')
    await settle(deps, claimed, await attempt(deps, claimed))
    await admit(deps, [claimed.webhookId])
  } catch (error) {
    log.warn({ err: error, ...job }, 'a delivery was given up; it is made again')
  }
}

type Attempted = { outcome: PostOutcome | { error: 'SECRET_LOST' }; durationMs: number }

async function attempt({ post, sealer, shutdown }: DeliverDeps, claimed: ClaimedDelivery): Promise<Attempted> {
  const { deliveryId, webhookId, url, body, nowSeconds } = claimed
  const secrets = openSecrets(sealer, webhookId, claimed.secrets)
  // What nobody could check must not be sent.
  if (secrets.length === 0) return { outcome: { error: 'SECRET_LOST' }, durationMs: 0 }
  const headers = {
    'Content-Type': 'application/json',
    'User-Agent': 'Longshore-Webhooks/1',
    ...signatureHeaders({ id: deliveryId, timestampSeconds: nowSeconds, body }, secrets),
  }
  const begunAtMs = performance.now()
  const outcome = await post({ url, headers, body }, shutdown)
  return { outcome, durationMs: performance.now() - begunAtMs }
}

async function settle({ sql, log }: DeliverDeps, claimed: ClaimedDelivery, attempted: Attempted): Promise<void> {
  const { outcome, durationMs } = attempted
  const { deliveryId, webhookId, attempts } = claimed
  if ('error' in outcome && outcome.error === 'STOPPED') return putBackDelivery(sql, claimed)
  const result: AttemptResult = { status: null, error: null, durationMs, ...pick(outcome) }
  const facts = { deliveryId, webhookId, attempts, status: result.status, error: result.error }
  if (isTaken(result)) {
    await transact(sql, (query) => settleDelivered(query, claimed, result))
    log.debug(facts, 'delivered')
  } else if (result.status === 410) {
    await transact(sql, (query) => settleGone(query, claimed, result))
    log.info(facts, 'a webhook is gone, and was disabled')
  } else {
    const delayMs = backOffMs(attempts, 'status' in outcome ? outcome.retryAfter : undefined)
    const became = await transact(sql, (query) => settleFailed(query, claimed, result, delayMs))
    log.info({ ...facts, delayMs, became }, 'an attempt failed')
  }
}

function pick(outcome: Attempted['outcome']): Pick<AttemptResult, 'status'> | Pick<AttemptResult, 'error'> {
  return 'status' in outcome ? { status: outcome.status } : { error: outcome.error }
}

function isTaken({ status }: AttemptResult): boolean {
  return status !== null && status >= 200 && status < 300
}
