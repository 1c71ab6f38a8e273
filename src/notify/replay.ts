import type { ReplayRequest } from '../contract/webhook.ts'
import { transact } from '../db/connect.ts'
import { insertDelivery } from '../db/webhook-deliveries.ts'
import { type DeliveryRow, findDelivery, replayDeliveries } from '../db/webhook-lists.ts'
import { wakeWebhook, type WantedWebhook } from '../db/webhooks.ts'
import { AppError } from '../errors.ts'
import { deliveryNotFound, getWebhook, webhookNotFound } from './show-webhook.ts'
import { countTest } from './test-limit.ts'
import type { WebhookDeps } from './webhooks.ts'

/** Tells a webhook something that stands for no event, the way events are told. Throws WEBHOOK_NOT_FOUND, WEBHOOK_DISABLED, TOO_MANY_ATTEMPTS. */
export async function sendTest({ sql, signals, notify }: WebhookDeps, wanted: WantedWebhook): Promise<DeliveryRow> {
  const { webhookId } = await enabledWebhook(sql, wanted)
  await countTest(sql, wanted.accountId, notify.testsPerMinute)
  const type = 'webhook.test'
  const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data: { webhookId } })
  const deliveryId = await insertDelivery(sql, { webhookId, type, body })
  // It may have been deleted since it was read.
  if (deliveryId === undefined) throw webhookNotFound(webhookId)
  await wakeWebhook(sql, webhookId)
  signals.send({ kind: 'events' })
  return getDelivery(sql, { webhookId, deliveryId })
}

/**
 * Sends a delivery that has ended once more, under the `webhook-id` that it had. Throws WEBHOOK_NOT_FOUND,
 * DELIVERY_NOT_FOUND, WEBHOOK_DISABLED, and DELIVERY_PENDING for one that has not ended.
 */
export async function replay(deps: WebhookDeps, wanted: WantedWebhook, deliveryId: string): Promise<DeliveryRow> {
  const { sql, signals } = deps
  const { webhookId } = await enabledWebhook(sql, wanted)
  await getDelivery(sql, { webhookId, deliveryId })
  if ((await replayDeliveries(sql, { webhookId, deliveryId, limit: 1 })) === 0) {
    throw new AppError('DELIVERY_PENDING', 'The delivery has not ended: it will be tried by itself.', {
      details: { deliveryId },
    })
  }
  await wakeWebhook(sql, webhookId)
  signals.send({ kind: 'events' })
  return getDelivery(sql, { webhookId, deliveryId })
}

/** The same for all that a filter fits, the oldest first. Answers how many; `more` when some were left out. */
export async function replayAll(
  { sql, signals }: WebhookDeps,
  wanted: WantedWebhook,
  { limit, ...filter }: ReplayRequest,
): Promise<{ replayed: number; more: boolean }> {
  const { webhookId } = await enabledWebhook(sql, wanted)
  const replayed = await transact(sql, (query) => replayDeliveries(query, { ...filter, webhookId, limit }))
  await wakeWebhook(sql, webhookId)
  signals.send({ kind: 'events' })
  return { replayed, more: replayed === limit }
}

/** Throws DELIVERY_NOT_FOUND. The caller has seen to it that the webhook is its account's. */
export async function getDelivery(
  sql: WebhookDeps['sql'],
  wanted: { webhookId: string; deliveryId: string },
): Promise<DeliveryRow & { body: string }> {
  const delivery = await findDelivery(sql, wanted)
  if (!delivery) throw deliveryNotFound(wanted.deliveryId)
  return delivery
}

async function enabledWebhook(sql: WebhookDeps['sql'], wanted: WantedWebhook): Promise<{ webhookId: string }> {
  const { id, enabled } = await getWebhook(sql, wanted)
  if (enabled) return { webhookId: id }
  throw new AppError('WEBHOOK_DISABLED', 'The webhook is disabled; enable it first.', { details: { webhookId: id } })
}
