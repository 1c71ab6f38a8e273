import { createHash } from 'node:crypto'
import { type Sealer, SealError } from '../auth/seal.ts'
import { type Sql, transact } from '../db/connect.ts'
import { deleteNotice, dropSubscription, putOffNotice, takeNotices, type TakenNotice } from '../db/push.ts'
import type { Log } from '../log.ts'
import { backOffMs } from './back-off.ts'
import { messageOf } from './message.ts'
import type { SendOutcome } from './notifier.ts'
import type { Notifiers } from './notifiers.ts'
import { sealSubject } from './push.ts'

export type SendDeps = {
  sql: Sql
  sealer: Sealer | undefined
  notifiers: Notifiers
  /** Longer than sending one can take. */
  leaseMs: number
  log: Log
}

const atOnce = 32

/**
 * Sends notices that are due. Safe when several processes do it at once; one that dies in between leaves what it took to
 * others, so that a notice may come twice, of which the push service shows one. Answers how many were sent.
 */
export async function sendNotices(deps: SendDeps): Promise<number> {
  const { sql, leaseMs } = deps
  let sent = 0
  for (;;) {
    const notices = await transact(sql, (query) => takeNotices(query, atOnce, leaseMs))
    const outcomes = await Promise.all(notices.map((notice) => sendOne(deps, notice)))
    sent += outcomes.filter((outcome) => outcome === 'sent').length
    if (notices.length < atOnce) return sent
  }
}

async function sendOne(deps: SendDeps, notice: TakenNotice): Promise<SendOutcome | 'impossible'> {
  const { sql, notifiers, log } = deps
  const facts = { subscriptionId: notice.subscriptionId, taskId: notice.taskId, type: notice.type }
  const notifier = notifiers.get(notice.transport)
  const address = openAddress(deps.sealer, notice)
  // What this server is not set up for, or cannot open any more, another one may, or its client may mend by subscribing.
  const outcome: SendOutcome | 'impossible' =
    notifier && address !== undefined
      ? await notifier.send(address, messageOf(notice.type, notice.data), topicOf(notice))
      : 'impossible'
  if (outcome === 'sent') await deleteNotice(sql, notice)
  else if (outcome === 'gone') {
    await dropSubscription(sql, notice.subscriptionId)
    log.info(facts, 'a subscription is gone, and was removed')
  } else {
    const failed = outcome === 'impossible' ? { error: 'IMPOSSIBLE' } : outcome.failed
    const delayMs = backOffMs(notice.attempts, 'retryAfter' in failed ? failed.retryAfter : undefined)
    const isGivenUp = await transact(sql, (query) => putOffNotice(query, notice, delayMs))
    log.info({ ...facts, ...failed, delayMs, isGivenUp }, 'somebody could not be notified')
  }
  return outcome
}

function openAddress(sealer: Sealer | undefined, { subscriptionId, address }: TakenNotice): string | undefined {
  try {
    return sealer?.open(sealSubject(subscriptionId), address)
  } catch (error) {
    if (error instanceof SealError) return undefined
    throw error
  }
}

/** At most 32 characters of base64url (RFC 8030 §5.4). */
function topicOf({ id, taskId }: TakenNotice): string {
  return createHash('sha256')
    .update(taskId ?? id)
    .digest('base64url')
    .slice(0, 32)
}
