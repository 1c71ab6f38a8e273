import { type Request, Router } from 'express'
import type { Identity } from '../auth/verify.ts'
import { subscribeRequest } from '../contract/push.ts'
import { listSubscriptions, type WantedSubscription } from '../db/push.ts'
import {
  presentSubscription,
  type PushDeps,
  refuseWithout,
  sendTestNotice,
  subscribe,
  subscriptionNotFound,
  unsubscribe,
} from '../notify/push.ts'
import { noteMade } from './audit-trail.ts'
import type { SignedIn } from './caller.ts'
import { pathUuid, readBody } from './validate.ts'

export type PushRoutesDeps = PushDeps & {
  /** What browsers subscribe with; undefined where Web Push is not set up. */
  vapidPublicKey: string | undefined
}

/** `/push/…` */
export function pushRoutes(deps: PushRoutesDeps, signedIn: SignedIn): Router {
  const router = Router()
  router.get(
    '/key',
    signedIn(async (_request, response) => {
      refuseWithout(deps.vapidPublicKey !== undefined)
      response.json({ publicKey: deps.vapidPublicKey })
    }),
  )
  router.post(
    '/subscriptions',
    signedIn(async (request, response, caller) => {
      const body = await readBody(subscribeRequest, request, response)
      const { subscription, isNew } = await subscribe(deps, caller.account, body)
      noteMade(response, subscription.id)
      response.status(isNew ? 201 : 200).json(presentSubscription(subscription))
    }),
  )
  router.get(
    '/subscriptions',
    signedIn(async (_request, response, caller) => {
      response.json((await listSubscriptions(deps.sql, caller.account)).map(presentSubscription))
    }),
  )
  router.delete(
    '/subscriptions/:subscriptionId',
    signedIn(async (request, response, caller) => {
      await unsubscribe(deps, wantedOf(request, caller))
      response.status(204).end()
    }),
  )
  router.post(
    '/subscriptions/:subscriptionId/test',
    signedIn(async (request, response, caller) => {
      response.status(202).json(presentSubscription(await sendTestNotice(deps, wantedOf(request, caller))))
    }),
  )
  return router
}

function wantedOf(request: Request, caller: Identity): WantedSubscription {
  const subscriptionId = pathUuid(request, 'subscriptionId')
  if (subscriptionId === undefined) throw subscriptionNotFound(String(request.params['subscriptionId']))
  return { subscriptionId, accountId: caller.account }
}
