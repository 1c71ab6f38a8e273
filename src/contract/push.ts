import { z } from 'zod'
import { id, instant } from './fields.ts'

/**
 * Body of `POST /api/push/subscriptions`: what a browser's `PushSubscription.toJSON()` gives, or another transport's address
 * with its name.
 */
export const subscribeRequest = z.looseObject({ transport: z.string().max(50).default('web-push') })
export type PushSubscribeRequest = z.output<typeof subscribeRequest>

/** A subscription as the API shows it: its address is not told again. */
export const subscriptionView = z
  .strictObject({
    subscriptionId: id,
    transport: z.string(),
    host: z.string().describe('Whose service it is, such as `fcm.googleapis.com`.'),
    expiresAt: instant.nullable(),
    createdAt: instant,
    updatedAt: instant,
  })
  .meta({ id: 'PushSubscription' })
export type SubscriptionView = z.output<typeof subscriptionView>

/** Answer of `GET /api/push/key`: what browsers subscribe with. */
export const pushKey = z.strictObject({ publicKey: z.string() })
