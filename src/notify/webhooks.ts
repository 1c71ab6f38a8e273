import type { Sealer } from '../auth/seal.ts'
import type { ChangeWebhookRequest, CreateWebhookRequest } from '../contract/webhook.ts'
import { type Sql, transact } from '../db/connect.ts'
import { joinFeed } from '../db/notify-feed.ts'
import type { Signals } from '../db/signals.ts'
import {
  countWebhooks,
  deleteWebhook,
  findWebhook,
  insertWebhook,
  replaceSecret,
  updateWebhook,
  type WantedWebhook,
  type WebhookRow,
} from '../db/webhooks.ts'
import { AppError } from '../errors.ts'
import { createdGone, earlierAnswer, type KeyedRequest, keepForRepetition } from '../tasks/idempotency.ts'
import { newTaskId } from '../tasks/ids.ts'
import { type AllowedHosts, flawOf } from './destination.ts'
import { sealSecret } from './secrets.ts'
import { getWebhook, webhookNotFound } from './show-webhook.ts'
import { newSecret } from './sign.ts'

export type WebhookDeps = {
  sql: Sql
  signals: Pick<Signals, 'send'>
  sealer: Sealer | undefined
  notify: { allowedHosts: AllowedHosts; testsPerMinute: number; webhooks: { perAccount: number } }
}

type Creation = { accountId: string; request: CreateWebhookRequest; keyed: KeyedRequest | undefined }

/**
 * Makes a webhook, which is told what happens from then on, and answers its secret, which nobody is told again: a
 * repetition with the same Idempotency-Key gets the webhook without it. Throws WEBHOOK_URL_REFUSED, WEBHOOK_LIMIT,
 * SECRETS_UNAVAILABLE, IDEMPOTENCY_KEY_REUSED, CREATED_GONE.
 */
export async function createWebhook(
  deps: WebhookDeps,
  creation: Creation,
): Promise<{ webhook: WebhookRow; secret: string | undefined }> {
  const { sql, sealer, notify } = deps
  const { accountId, request, keyed } = creation
  const earlier = keyed && (await earlierWebhook(sql, keyed))
  if (earlier) return { webhook: earlier, secret: undefined }
  refuseDestination(request.url, notify.allowedHosts)
  const id = newTaskId()
  const secret = newSecret()
  const sealed = sealSecret(sealer, id, secret)
  const { url, description = null, events = null, enabled } = request
  const written = await transact(sql, async (query) => {
    if (keyed && !(await keepForRepetition(query, keyed, id))) return false
    const { perAccount } = notify.webhooks
    if ((await countWebhooks(query, accountId)) >= perAccount) throw tooMany(perAccount)
    await joinFeed(query)
    await insertWebhook(query, { id, accountId, secret: sealed }, { url, description, eventTypes: events, enabled })
    return true
  })
  if (!written) return createWebhook(deps, creation)
  return { webhook: await getWebhook(sql, { webhookId: id, accountId }), secret }
}

/** Changes what is given, and leaves the rest. Throws WEBHOOK_NOT_FOUND, WEBHOOK_URL_REFUSED. */
export async function changeWebhook(
  { sql, signals, notify }: WebhookDeps,
  wanted: WantedWebhook,
  { url, description, events, enabled }: ChangeWebhookRequest,
): Promise<WebhookRow> {
  if (url !== undefined) refuseDestination(url, notify.allowedHosts)
  const changed = await transact(sql, async (query) => {
    const current = await findWebhook(query, wanted, { lock: true })
    if (!current) throw webhookNotFound(wanted.webhookId)
    await updateWebhook(query, current.id, {
      url: url ?? current.url,
      description: description === undefined ? current.description : description,
      eventTypes: events === undefined ? current.eventTypes : events,
      enabled: enabled ?? current.enabled,
    })
    return getWebhook(query, wanted)
  })
  // What waited for it to be enabled need not wait for the next look.
  signals.send({ kind: 'events' })
  return changed
}

/** Gives a webhook a new secret, beside which the former one counts for a while. Throws WEBHOOK_NOT_FOUND, SECRETS_UNAVAILABLE. */
export async function rotateSecret(
  { sql, sealer }: WebhookDeps,
  wanted: WantedWebhook,
  overlapHours: number,
): Promise<{ webhook: WebhookRow; secret: string }> {
  const secret = newSecret()
  const sealed = sealSecret(sealer, wanted.webhookId, secret)
  return transact(sql, async (query) => {
    if (!(await findWebhook(query, wanted, { lock: true }))) throw webhookNotFound(wanted.webhookId)
    await replaceSecret(query, wanted.webhookId, sealed, Math.round(overlapHours * 3600))
    return { webhook: await getWebhook(query, wanted), secret }
  })
}

/** Removes a webhook and its deliveries; an attempt that is under way may still arrive. Throws WEBHOOK_NOT_FOUND. */
export async function removeWebhook({ sql }: WebhookDeps, wanted: WantedWebhook): Promise<void> {
  if (!(await deleteWebhook(sql, wanted))) throw webhookNotFound(wanted.webhookId)
}

function refuseDestination(url: string, allowedHosts: AllowedHosts): void {
  const flaw = flawOf(url, allowedHosts)
  if (flaw === undefined) return
  throw new AppError('WEBHOOK_URL_REFUSED', `The URL of the webhook ${flaw}.`, {
    details: { field: 'url', reason: flaw },
  })
}

function tooMany(perAccount: number): AppError {
  return new AppError('WEBHOOK_LIMIT', `An account may have ${perAccount} webhooks; delete one first.`, {
    details: { perAccount },
  })
}

async function earlierWebhook(sql: Sql, keyed: KeyedRequest): Promise<WebhookRow | undefined> {
  const webhookId = await earlierAnswer(sql, keyed)
  if (typeof webhookId !== 'string') return undefined
  const found = await findWebhook(sql, { webhookId, accountId: keyed.accountId })
  if (!found) throw createdGone({ webhookId })
  return found
}
