import { z } from 'zod'
import type { EventType } from './event.ts'
import { count, id, instant, optional, page, storableText } from './fields.ts'

/** What a webhook can be told: every event that is kept. Progress is not. */
export const webhookEventTypes = [
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
  url: storableText(2000).meta({ examples: ['https://example.com/longshore'] }),
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
  ...page,
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

/** A webhook as the API shows it. */
export const webhookView = z
  .strictObject({
    webhookId: id,
    accountId: id,
    url: z.string(),
    description: z.string().nullable(),
    events: z.array(z.string()).nullable().describe('Null: all of them.'),
    enabled: z.boolean(),
    disabledReason: z
      .literal('gone')
      .nullable()
      .describe('`gone` when its receiver answered 410; null when its owner disabled it, and when it is enabled.'),
    disabledAt: instant.nullable(),
    previousSecretUntil: instant.nullable().describe('Until when the secret before the present one counts too.'),
    failures: count.describe('Attempts that failed since the last one that did not.'),
    failingSince: instant.nullable(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: 'Webhook' })
export type WebhookView = z.output<typeof webhookView>

const secret = z.string().describe('What its messages are signed with; told when it is made, and never again.')
/** Answer of `POST /api/webhooks`; a repeated request with the same key has no `secret` once it was told. */
export const createdWebhook = webhookView.extend({ secret: secret.optional() }).meta({ id: 'CreatedWebhook' })
/** Answer of `POST /api/webhooks/{id}/secret`. */
export const webhookWithSecret = webhookView.extend({ secret }).meta({ id: 'WebhookWithSecret' })

/** One event for one webhook. */
export const deliveryView = z
  .strictObject({
    deliveryId: id.describe('The `webhook-id` of every attempt.'),
    webhookId: id,
    type: z.string(),
    taskId: id.nullable(),
    seq: count.nullable(),
    status: z.enum(['pending', 'delivered', 'dead']),
    attempts: count,
    nextAttemptAt: instant.nullable().describe('Null once it has ended.'),
    lastAttempt: z
      .strictObject({
        at: instant,
        status: z.int().nullable().describe('What was answered, or null when nothing was, and then `error` says why.'),
        error: z.string().nullable(),
        durationMs: count.nullable(),
      })
      .nullable(),
    createdAt: instant,
    endedAt: instant.nullable(),
  })
  .meta({ id: 'Delivery' })
export type DeliveryView = z.output<typeof deliveryView>

/** Answer of `GET /api/webhooks/{id}/deliveries/{deliveryId}`. */
export const deliveryWithBody = deliveryView.extend({ body: z.string() }).meta({ id: 'DeliveryWithBody' })
/** Answer of `GET /api/webhooks/{id}/deliveries`, the newest first. */
export const deliveriesPage = z.strictObject({
  deliveries: z.array(deliveryView),
  before: count.nullable().describe('To ask for the next page with; null when there is none.'),
})
/** Answer of `POST /api/webhooks/{id}/deliveries/replay`; `more`: some were left out. */
export const replayedDeliveries = z.strictObject({ replayed: count, more: z.boolean() })
