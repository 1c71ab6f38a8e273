import type { DeliveryView, WebhookView } from '../contract/webhook.ts'
import type { Query } from '../db/connect.ts'
import type { DeliveryRow } from '../db/webhook-lists.ts'
import { findWebhook, type WantedWebhook, type WebhookRow } from '../db/webhooks.ts'
import { AppError } from '../errors.ts'

/** Throws WEBHOOK_NOT_FOUND, also for another account's webhook. */
export async function getWebhook(query: Query, wanted: WantedWebhook): Promise<WebhookRow> {
  const webhook = await findWebhook(query, wanted)
  if (!webhook) throw webhookNotFound(wanted.webhookId)
  return webhook
}

export function webhookNotFound(webhookId: string): AppError {
  return new AppError('WEBHOOK_NOT_FOUND', 'There is no such webhook.', { details: { webhookId } })
}

export function deliveryNotFound(deliveryId: string): AppError {
  return new AppError('DELIVERY_NOT_FOUND', 'The webhook has no such delivery.', { details: { deliveryId } })
}

/** A webhook as the API shows it, without its secret. */
export function presentWebhook(webhook: WebhookRow): WebhookView {
  return {
    webhookId: webhook.id,
    accountId: webhook.accountId,
    url: webhook.url,
    description: webhook.description,
    events: webhook.eventTypes,
    enabled: webhook.enabled,
    disabledReason: webhook.disabledReason,
    disabledAt: webhook.disabledAt?.toISOString() ?? null,
    previousSecretUntil: webhook.previousUntil?.toISOString() ?? null,
    failures: webhook.failures,
    failingSince: webhook.failingSince?.toISOString() ?? null,
    createdAt: webhook.createdAt.toISOString(),
    updatedAt: webhook.updatedAt.toISOString(),
  }
}

export function presentDelivery(delivery: DeliveryRow): DeliveryView {
  return {
    deliveryId: delivery.id,
    webhookId: delivery.webhookId,
    type: delivery.type,
    taskId: delivery.taskId,
    seq: delivery.seq,
    status: delivery.status,
    attempts: delivery.attempts,
    nextAttemptAt: delivery.status === 'pending' ? delivery.nextAttemptAt.toISOString() : null,
    lastAttempt: lastAttempt(delivery),
    createdAt: delivery.createdAt.toISOString(),
    endedAt: delivery.endedAt?.toISOString() ?? null,
  }
}

function lastAttempt({
  lastAttemptAt,
  lastStatus,
  lastError,
  lastDurationMs,
}: DeliveryRow): DeliveryView['lastAttempt'] {
  if (lastAttemptAt === null) return null
  return { at: lastAttemptAt.toISOString(), status: lastStatus, error: lastError, durationMs: lastDurationMs }
}
