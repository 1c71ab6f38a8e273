import type { Request } from 'express'
import { z } from 'zod'
import type { Identity } from '../auth/verify.ts'
import { pushKey, subscribeRequest, subscriptionView } from '../contract/push.ts'
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
import { empty, json } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { pathUuid } from './validate.ts'

export type PushRoutesDeps = PushDeps & {
  /** What browsers subscribe with; undefined where Web Push is not set up. */
  vapidPublicKey: string | undefined
}

/** `/push/…` */
export function pushRoutes(deps: PushRoutesDeps): Route[] {
  return [key(deps), add(deps), list(deps), remove(deps), test(deps)]
}

const key = (deps: PushRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/key',
      id: 'getPushKey',
      summary: 'Get the key that browsers subscribe with',
      answers: { 200: json('The key.', pushKey) },
      errors: ['PUSH_UNAVAILABLE'],
    },
    ({ response }) => {
      refuseWithout(deps.vapidPublicKey !== undefined)
      response.json({ publicKey: deps.vapidPublicKey })
    },
  )

const add = (deps: PushRoutesDeps) =>
  route(
    {
      method: 'POST',
      path: '/subscriptions',
      id: 'subscribeToPush',
      summary: 'Subscribe a browser, by what its PushSubscription gives',
      body: subscribeRequest,
      answers: {
        200: json('The subscription was there, and is renewed.', subscriptionView),
        201: json('The subscription.', subscriptionView),
      },
      errors: ['PUSH_UNAVAILABLE', 'PUSH_LIMIT', 'SECRETS_UNAVAILABLE'],
    },
    async ({ response, caller, body }) => {
      const { subscription, isNew } = await subscribe(deps, caller.account, body)
      noteMade(response, subscription.id)
      response.status(isNew ? 201 : 200).json(presentSubscription(subscription))
    },
  )

const list = (deps: PushRoutesDeps) =>
  route(
    {
      method: 'GET',
      path: '/subscriptions',
      id: 'listPushSubscriptions',
      summary: "List the account's subscriptions",
      answers: { 200: json('All of them.', z.array(subscriptionView)) },
    },
    async ({ response, caller }) => {
      response.json((await listSubscriptions(deps.sql, caller.account)).map(presentSubscription))
    },
  )

const remove = (deps: PushRoutesDeps) =>
  route(
    {
      method: 'DELETE',
      path: '/subscriptions/:subscriptionId',
      id: 'unsubscribeFromPush',
      summary: 'Remove a subscription',
      answers: { 204: empty('It is gone.') },
      errors: ['PUSH_SUBSCRIPTION_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      await unsubscribe(deps, wantedOf(request, caller))
      response.status(204).end()
    },
  )

const test = (deps: PushRoutesDeps) =>
  route(
    {
      method: 'POST',
      path: '/subscriptions/:subscriptionId/test',
      id: 'testPush',
      summary: 'Send a notification to try a subscription',
      answers: { 202: json('It is on its way.', subscriptionView) },
      errors: ['PUSH_SUBSCRIPTION_NOT_FOUND', 'PUSH_UNAVAILABLE', 'TOO_MANY_ATTEMPTS'],
    },
    async ({ request, response, caller }) => {
      response.status(202).json(presentSubscription(await sendTestNotice(deps, wantedOf(request, caller))))
    },
  )

function wantedOf(request: Request, caller: Identity): WantedSubscription {
  const subscriptionId = pathUuid(request, 'subscriptionId')
  if (subscriptionId === undefined) throw subscriptionNotFound(String(request.params['subscriptionId']))
  return { subscriptionId, accountId: caller.account }
}
