import type { Query } from './connect.ts'

export type WebhookFields = {
  url: string
  description: string | null
  /** Null: all of them. */
  eventTypes: string[] | null
  enabled: boolean
}

export type WebhookRow = WebhookFields & {
  id: string
  accountId: string
  disabledReason: 'gone' | null
  disabledAt: Date | null
  previousUntil: Date | null
  failures: number
  failingSince: Date | null
  createdAt: Date
  updatedAt: Date
}

const columns = (query: Query) => query`
  id, account_id, url, description, event_types, enabled, disabled_reason, disabled_at,
  case when previous_until > now() then previous_until end as previous_until, failures, failing_since, created_at, updated_at`

export type WantedWebhook = { webhookId: string; accountId: string }

/** How many webhooks an account has. Nobody else adds one to it before the transaction has ended. */
export async function countWebhooks(query: Query, accountId: string): Promise<number> {
  await query`select pg_advisory_xact_lock(hashtextextended(${`webhooks of ${accountId}`}, 0))`
  const [row] = await query<[{ count: number }]>`
    select count(*)::int as count from webhooks where account_id = ${accountId}`
  return row.count
}

/** Adds a webhook that is told what is committed from now on. */
export async function insertWebhook(
  query: Query,
  { id, accountId, secret }: { id: string; accountId: string; secret: Buffer },
  { url, description, eventTypes, enabled }: WebhookFields,
): Promise<void> {
  await query`
    insert into webhooks (id, account_id, url, description, event_types, enabled, secret, since)
    values (${id}, ${accountId}, ${url}, ${description}, ${eventTypes}::text[], ${enabled}, ${secret},
      pg_current_snapshot()::text)`
}

/** An account's webhook; `lock` holds its row until the transaction ends. */
export async function findWebhook(
  query: Query,
  { webhookId, accountId }: WantedWebhook,
  options: { lock: boolean } = { lock: false },
): Promise<WebhookRow | undefined> {
  const [row] = await query<WebhookRow[]>`
    select ${columns(query)} from webhooks where id = ${webhookId} and account_id = ${accountId}
    ${options.lock ? query`for no key update` : query``}`
  return row
}

/** Changes a webhook. One that is enabled again begins anew: with what happens from now on, and without its failures. */
export async function updateWebhook(query: Query, id: string, fields: WebhookFields): Promise<void> {
  const { url, description, eventTypes, enabled } = fields
  const isBack = query`${enabled} and not enabled`
  await query`
    update webhooks set url = ${url}, description = ${description}, event_types = ${eventTypes}::text[], enabled = ${enabled},
      since = case when ${isBack} then pg_current_snapshot()::text else since end,
      failures = case when ${isBack} then 0 else failures end,
      failing_since = case when ${isBack} then null else failing_since end,
      rests_until = case when ${isBack} then null else rests_until end,
      disabled_reason = case when ${enabled} then null else disabled_reason end,
      disabled_at = case when ${enabled} then null else coalesce(disabled_at, now()) end, updated_at = now()
    where id = ${id}`
}

/** Puts a new secret in place, beside which the one before it counts for a while. */
export async function replaceSecret(query: Query, id: string, secret: Buffer, overlapSeconds: number): Promise<void> {
  await query`
    update webhooks set previous_secret = case when ${overlapSeconds}::int > 0 then secret end,
      previous_until = case when ${overlapSeconds}::int > 0 then now() + ${overlapSeconds} * interval '1 second' end,
      secret = ${secret}, updated_at = now()
    where id = ${id}`
}

/** Removes an account's webhook and its deliveries. False when there is none. */
export async function deleteWebhook(query: Query, { webhookId, accountId }: WantedWebhook): Promise<boolean> {
  const rows = await query`delete from webhooks where id = ${webhookId} and account_id = ${accountId}`
  return rows.count === 1
}

export async function listWebhooks(
  query: Query,
  { accountId, offset, limit }: { accountId: string; offset: number; limit: number },
): Promise<{ webhooks: WebhookRow[]; total: number }> {
  const webhooks = await query<WebhookRow[]>`
    select ${columns(query)} from webhooks where account_id = ${accountId}
    order by created_at desc, id desc limit ${limit} offset ${offset}`
  const [counted] = await query<[{ total: number }]>`
    select count(*)::int as total from webhooks where account_id = ${accountId}`
  return { webhooks, total: counted.total }
}

/** Has a webhook that fails be tried at once: somebody thinks that it does not any more. */
export async function wakeWebhook(query: Query, webhookId: string): Promise<void> {
  await query`update webhooks set rests_until = null where id = ${webhookId} and rests_until is not null`
}

/** Whether anybody has a webhook. */
export async function hasWebhooks(query: Query): Promise<boolean> {
  return (await query`select 1 from webhooks limit 1`).length > 0
}
