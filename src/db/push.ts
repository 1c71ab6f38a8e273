import { jsonb, type Query } from './connect.ts'
import { eventsWithin, type Stretch } from './notify-feed.ts'
import { isAbsent } from './presence.ts'

export type SubscriptionRow = {
  id: string
  accountId: string
  transport: string
  host: string
  expiresAt: Date | null
  createdAt: Date
  updatedAt: Date
}

const columns = (query: Query) => query`id, account_id, transport, host, expires_at, created_at, updated_at`

export type NewSubscription = {
  id: string
  accountId: string
  transport: string
  host: string
  address: Buffer
  addressSha256: Buffer
  expiresAt: Date | null
}

/** How many subscriptions an account has. Nobody else adds one to it before the transaction has ended. */
export async function countSubscriptions(query: Query, accountId: string): Promise<number> {
  await query`select pg_advisory_xact_lock(hashtextextended(${`push of ${accountId}`}, 0))`
  const [row] = await query<[{ count: number }]>`
    select count(*)::int as count from push_subscriptions where account_id = ${accountId}`
  return row.count
}

/** The subscription of an address, whoever has it; its row is held until the transaction ends. */
export async function findByAddress(
  query: Query,
  { transport, addressSha256 }: Pick<NewSubscription, 'transport' | 'addressSha256'>,
): Promise<{ id: string; accountId: string } | undefined> {
  const [row] = await query<{ id: string; accountId: string }[]>`
    select id, account_id from push_subscriptions
    where transport = ${transport} and address_sha256 = ${addressSha256} for update`
  return row
}

/** Adds a subscription that is told what is committed from now on. False when somebody else has just added the address. */
export async function insertSubscription(query: Query, one: NewSubscription): Promise<boolean> {
  const rows = await query`
    insert into push_subscriptions (id, account_id, transport, host, address, address_sha256, expires_at, since)
    values (${one.id}, ${one.accountId}, ${one.transport}, ${one.host}, ${one.address}, ${one.addressSha256},
      ${one.expiresAt}, pg_current_snapshot()::text)
    on conflict (transport, address_sha256) do nothing`
  return rows.count === 1
}

/** Keeps the newest of what a client said about its subscription. */
export async function renewSubscription(
  query: Query,
  { id, address, expiresAt }: Pick<NewSubscription, 'id' | 'address' | 'expiresAt'>,
): Promise<void> {
  await query`
    update push_subscriptions set address = ${address}, expires_at = ${expiresAt}, updated_at = now() where id = ${id}`
}

export type WantedSubscription = { subscriptionId: string; accountId: string }

export async function findSubscription(
  query: Query,
  { subscriptionId, accountId }: WantedSubscription,
): Promise<SubscriptionRow | undefined> {
  const [row] = await query<SubscriptionRow[]>`
    select ${columns(query)} from push_subscriptions where id = ${subscriptionId} and account_id = ${accountId}`
  return row
}

export async function listSubscriptions(query: Query, accountId: string): Promise<SubscriptionRow[]> {
  return query<SubscriptionRow[]>`
    select ${columns(query)} from push_subscriptions where account_id = ${accountId} order by created_at desc, id desc`
}

/** Removes an account's subscription and what was on its way to it. False when there is none. */
export async function deleteSubscription(
  query: Query,
  { subscriptionId, accountId }: WantedSubscription,
): Promise<boolean> {
  const rows = await query`
    delete from push_subscriptions where id = ${subscriptionId} and account_id = ${accountId}`
  return rows.count === 1
}

/** Removes a subscription that its service does not know any more. */
export async function dropSubscription(query: Query, subscriptionId: string): Promise<void> {
  await query`delete from push_subscriptions where id = ${subscriptionId}`
}

export async function deleteExpiredSubscriptions(query: Query): Promise<number> {
  const rows = await query`delete from push_subscriptions where expires_at < now()`
  return rows.count
}

export async function hasSubscriptions(query: Query): Promise<boolean> {
  return (await query`select 1 from push_subscriptions limit 1`).length > 0
}

/** Nobody wants to read tomorrow what ended today. */
const giveUpAfter = '4 hours'
const ends = ['upload.completed', 'upload.failed', 'task.completed', 'task.failed', 'task.expired']

/** Makes notices of a stretch's ends of tasks that took so long, for accounts of which nobody is connected. */
export async function deriveNotices(query: Query, stretch: Stretch, longMs: number): Promise<void> {
  await query`
    insert into push_notices (subscription_id, task_id, seq, type, data, give_up_at)
    select subscription.id, event.task_id, event.seq, event.type, event.data - 'lastProgress' - 'results',
      now() + ${giveUpAfter}::interval
    from (${eventsWithin(query, stretch, 'push_subscriptions')}) as event
      join push_subscriptions subscription using (account_id) join tasks on tasks.id = event.task_id
    where event.type = any(${ends}::text[])
      and event.created_at - tasks.created_at >= ${longMs} * interval '1 millisecond'
      and not pg_visible_in_snapshot(event.xid, subscription.since::pg_snapshot)
      and ${isAbsent(query, query`event.account_id`)}
    on conflict do nothing`
}

/** Adds a notice that stands for no event. False: the subscription is gone. */
export async function insertNotice(
  query: Query,
  { subscriptionId, type, data }: { subscriptionId: string; type: string; data: Record<string, unknown> },
): Promise<boolean> {
  const { count } = await query`
    insert into push_notices (subscription_id, type, data, give_up_at)
    select id, ${type}, ${jsonb(query, data)}, now() + ${giveUpAfter}::interval from push_subscriptions
    where id = ${subscriptionId} for key share`
  return count === 1
}

export type TakenNotice = {
  id: string
  subscriptionId: string
  taskId: string | null
  type: string
  data: Record<string, unknown>
  attempts: number
  transport: string
  address: Buffer
}

/** Takes notices that are due; whoever does not settle them within `leaseMs` leaves them to others. */
export async function takeNotices(query: Query, limit: number, leaseMs: number): Promise<TakenNotice[]> {
  return query<TakenNotice[]>`
    update push_notices notice set attempts = attempts + 1, next_attempt_at = now() + ${leaseMs} * interval '1 millisecond'
    from push_subscriptions subscription
    where subscription.id = subscription_id and notice.id in (
      select id from push_notices where next_attempt_at <= now()
      order by next_attempt_at limit ${limit} for update skip locked
    )
    returning notice.id, subscription_id, task_id, type, data, attempts, transport, address`
}

type Taken = Pick<TakenNotice, 'id' | 'attempts'>

export async function deleteNotice(query: Query, { id, attempts }: Taken): Promise<void> {
  await query`delete from push_notices where id = ${id} and attempts = ${attempts}`
}

/** Has a notice tried again later, or given up when its time is over. Answers whether it was given up. */
export async function putOffNotice(query: Query, { id, attempts }: Taken, delayMs: number): Promise<boolean> {
  const rows = await query`
    delete from push_notices where id = ${id} and attempts = ${attempts}
      and give_up_at < now() + ${delayMs} * interval '1 millisecond'`
  await query`
    update push_notices set next_attempt_at = now() + ${delayMs} * interval '1 millisecond'
    where id = ${id} and attempts = ${attempts}`
  return rows.count === 1
}
