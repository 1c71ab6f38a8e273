import { z } from 'zod'

/**
 * Body of `POST /api/push/subscriptions`: what a browser's `PushSubscription.toJSON()` gives, or another transport's address
 * with its name.
 */
export const subscribeRequest = z.looseObject({ transport: z.string().max(50).default('web-push') })
export type PushSubscribeRequest = z.output<typeof subscribeRequest>

/** A subscription as the API shows it: its address is not told again. */
export type SubscriptionView = {
  subscriptionId: string
  transport: string
  /** Whose service it is, such as `fcm.googleapis.com`. */
  host: string
  expiresAt: string | null
  createdAt: string
  updatedAt: string
}
