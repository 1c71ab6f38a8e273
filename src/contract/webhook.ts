import { z } from 'zod'
import type { EventType } from './event.ts'
import { optional, storableText } from './fields.ts'

/** What a webhook can be told: every event that is kept. Progress is not. */
const webhookEventTypes = [
  'upload.completed',
  'upload.failed',
  'task.created',
  'task.started',
  'task.completed',
  'task.failed',
  'task.paused',
  'task.resumed',
  'task.retried',
  'task.cancelled',
  'task.expired',
] as const satisfies readonly EventType[]

const events = z
  .array(z.enum(webhookEventTypes))
  .min(1)
  .max(100)
  .transform((types) => [...new Set(types)])

/** Body of `POST /api/webhooks`. Without `events` it is told all. */
export const createWebhookRequest = z.strictObject({
  url: storableText(2000),
  description: optional(storableText(200)),
  events: optional(events),
  enabled: z.boolean().default(true),
})
export type CreateWebhookRequest = z.output<typeof createWebhookRequest>

/** Body of `PATCH /api/webhooks/{id}`: what is left out stays; null takes `description` away and lifts the filter. */
export const changeWebhookRequest = z.strictObject({
  url: storableText(2000).optional(),
  description: storableText(200).nullable().optional(),
  events: events.nullable().optional(),
  enabled: z.boolean().optional(),
})
export type ChangeWebhookRequest = z.output<typeof changeWebhookRequest>

export const listWebhooksQuery = z.strictObject({
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** Body of `POST /api/webhooks/{id}/secret`: how long the former secret counts beside the new one. */
export const rotateSecretRequest = z.strictObject({
  overlapHours: z
    .number()
    .min(0)
    .max(7 * 24)
    .default(24),
})

const moment = z.iso.datetime({ offset: true }).transform((text) => new Date(text))
const filter = {
  type: storableText(100).optional(),
  taskId: z.uuid().toLowerCase().optional(),
  /** When they came to be. */
  from: moment.optional(),
  until: moment.optional(),
}

/** The query of `GET /api/webhooks/{id}/deliveries`. `before` is the answer's own, to go on with the next page. */
export const listDeliveriesQuery = z.strictObject({
  status: z.enum(['pending', 'delivered', 'dead']).optional(),
  ...filter,
  before: z.coerce.number().int().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

/** Body of `POST /api/webhooks/{id}/deliveries/replay`. */
export const replayRequest = z.strictObject({
  status: z.enum(['delivered', 'dead']).default('dead'),
  ...filter,
  limit: z.int().min(1).max(10_000).default(1000),
})
export type ReplayRequest = z.output<typeof replayRequest>

/** A webhook as the API shows it; with `secret` when that is made, and never again. Times in ISO 8601. */
export type WebhookView = {
  webhookId: string
  accountId: string
  url: string
  description: string | null
  /** Null: all of them. */
  events: string[] | null
  enabled: boolean
  /** `gone` when its receiver answered 410; null when it was disabled by its owner, and when it is not. */
  disabledReason: 'gone' | null
  disabledAt: string | null
  /** Until when the secret before the present one counts too. */
  previousSecretUntil: string | null
  /** Attempts that failed since the last one that did not. */
  failures: number
  failingSince: string | null
  createdAt: string
  updatedAt: string
}

/** One event for one webhook. `deliveryId` is the `webhook-id` of every attempt. */
export type DeliveryView = {
  deliveryId: string
  webhookId: string
  type: string
  taskId: string | null
  seq: number | null
  status: 'pending' | 'delivered' | 'dead'
  attempts: number
  /** Null once it has ended. */
  nextAttemptAt: string | null
  lastAttempt: {
    at: string
    /** What was answered, or null when nothing was, and then `error` says why. */
    status: number | null
    error: string | null
    durationMs: number | null
  } | null
  createdAt: string
  endedAt: string | null
}
