import { createHash } from 'node:crypto'
import type { Sealer } from '../auth/seal.ts'
import type { PushSubscribeRequest, SubscriptionView } from '../contract/push.ts'
import { type Query, type Sql, transact } from '../db/connect.ts'
import { joinFeed } from '../db/notify-feed.ts'
import {
  countSubscriptions,
  deleteSubscription,
  dropSubscription,
  findByAddress,
  findSubscription,
  insertNotice,
  insertSubscription,
  type NewSubscription,
  renewSubscription,
  type SubscriptionRow,
  type WantedSubscription,
} from '../db/push.ts'
import { AppError } from '../errors.ts'
import { newTaskId } from '../tasks/ids.ts'
import type { Address } from './notifier.ts'
import type { Notifiers } from './notifiers.ts'
import { countTest } from './test-limit.ts'

export type PushDeps = {
  sql: Sql
  sealer: Sealer | undefined
  notifiers: Notifiers
  notify: { testsPerMinute: number; push: { perAccount: number } }
}

/**
 * Notes where an account's person wants to be notified. The same address again is the same subscription, and of whoever
 * came last: a browser that somebody else uses now tells nobody else's news. Throws PUSH_UNAVAILABLE, VALIDATION_FAILED,
 * PUSH_LIMIT, SECRETS_UNAVAILABLE.
 */
export async function subscribe(
  deps: PushDeps,
  accountId: string,
  request: PushSubscribeRequest,
): Promise<{ subscription: SubscriptionRow; isNew: boolean }> {
  const { transport, ...given } = request
  const address = readAddress(deps, transport, given)
  const made = await transact(deps.sql, async (query) => {
    const addressSha256 = createHash('sha256').update(address.identity).digest()
    const earlier = await findByAddress(query, { transport, addressSha256 })
    const isKept = earlier?.accountId === accountId
    const id = isKept ? earlier.id : newTaskId()
    const { host, expiresAt } = address
    const sealed = seal(deps.sealer, id, address.text)
    if (isKept) await renewSubscription(query, { id, address: sealed, expiresAt })
    else {
      if (earlier) await dropSubscription(query, earlier.id)
      const one = { id, accountId, transport, host, expiresAt, address: sealed, addressSha256 }
      if (!(await add(deps, query, one))) return undefined
    }
    return { subscription: await getSubscription(query, { subscriptionId: id, accountId }), isNew: !isKept }
  })
  // Another request was making it at the same time: now it is there to be found.
  return made ?? subscribe(deps, accountId, request)
}

/** Throws PUSH_SUBSCRIPTION_NOT_FOUND. */
export async function unsubscribe({ sql }: PushDeps, wanted: WantedSubscription): Promise<void> {
  if (!(await deleteSubscription(sql, wanted))) throw subscriptionNotFound(wanted.subscriptionId)
}

/** Sends something that stands for no event. Throws PUSH_SUBSCRIPTION_NOT_FOUND, TOO_MANY_ATTEMPTS. */
export async function sendTestNotice({ sql, notify }: PushDeps, wanted: WantedSubscription): Promise<SubscriptionRow> {
  const subscription = await getSubscription(sql, wanted)
  await countTest(sql, wanted.accountId, notify.testsPerMinute)
  // It may have been removed since it was read.
  const isThere = await insertNotice(sql, { subscriptionId: subscription.id, type: 'push.test', data: {} })
  if (!isThere) throw subscriptionNotFound(subscription.id)
  return subscription
}

export function subscriptionNotFound(subscriptionId: string): AppError {
  return new AppError('PUSH_SUBSCRIPTION_NOT_FOUND', 'There is no such subscription.', { details: { subscriptionId } })
}

/** Throws PUSH_UNAVAILABLE where nothing is set up. */
export function refuseWithout(isThere: boolean): void {
  if (isThere) return
  throw new AppError('PUSH_UNAVAILABLE', 'This server is not set up to notify people in this way.')
}

export function presentSubscription(subscription: SubscriptionRow): SubscriptionView {
  return {
    subscriptionId: subscription.id,
    transport: subscription.transport,
    host: subscription.host,
    expiresAt: subscription.expiresAt?.toISOString() ?? null,
    createdAt: subscription.createdAt.toISOString(),
    updatedAt: subscription.updatedAt.toISOString(),
  }
}

/** What an address is sealed for. */
export function sealSubject(subscriptionId: string): string {
  return `push ${subscriptionId}`
}

async function add({ notify }: PushDeps, query: Query, one: NewSubscription): Promise<boolean> {
  const { perAccount } = notify.push
  if ((await countSubscriptions(query, one.accountId)) >= perAccount) {
    throw new AppError('PUSH_LIMIT', `An account may have ${perAccount} subscriptions; remove one first.`, {
      details: { perAccount },
    })
  }
  await joinFeed(query)
  return insertSubscription(query, one)
}

async function getSubscription(query: Query, wanted: WantedSubscription): Promise<SubscriptionRow> {
  const subscription = await findSubscription(query, wanted)
  if (!subscription) throw subscriptionNotFound(wanted.subscriptionId)
  return subscription
}

function readAddress({ notifiers }: PushDeps, transport: string, given: Record<string, unknown>): Address {
  const notifier = notifiers.get(transport)
  refuseWithout(notifiers.size > 0)
  const known = [...notifiers.keys()].join(', ')
  const read = notifier?.read(given) ?? { issues: [{ field: 'transport', message: `must be one of ${known}` }] }
  if ('address' in read) return read.address
  throw new AppError('VALIDATION_FAILED', 'The request is not valid.', { details: { errors: read.issues } })
}

function seal(sealer: Sealer | undefined, id: string, text: string): Buffer {
  if (sealer) return sealer.seal(sealSubject(id), text)
  throw new AppError('SECRETS_UNAVAILABLE', 'This server has no SECRETS_KEYS, so it cannot keep a subscription.')
}
