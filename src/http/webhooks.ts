import { type Request, Router } from 'express'
import type { Identity } from '../auth/verify.ts'
import {
  changeWebhookRequest,
  createWebhookRequest,
  listDeliveriesQuery,
  listWebhooksQuery,
  replayRequest,
  rotateSecretRequest,
} from '../contract/webhook.ts'
import { listDeliveries } from '../db/webhook-lists.ts'
import { listWebhooks, type WantedWebhook } from '../db/webhooks.ts'
import { getDelivery, replay, replayAll, sendTest } from '../notify/replay.ts'
import {
  deliveryNotFound,
  getWebhook,
  presentDelivery,
  presentWebhook,
  webhookNotFound,
} from '../notify/show-webhook.ts'
import { changeWebhook, createWebhook, removeWebhook, rotateSecret, type WebhookDeps } from '../notify/webhooks.ts'
import { noteMade } from './audit-trail.ts'
import type { SignedIn } from './caller.ts'
import { keyedRequest } from './idempotency-key.ts'
import { parseQuery, pathUuid, readBody, readOptionalBody } from './validate.ts'

/** `/webhooks/…` */
export function webhookRoutes(deps: WebhookDeps, signedIn: SignedIn): Router {
  const router = Router()
  webhooksThemselves(router, deps, signedIn)
  theirDeliveries(router, deps, signedIn)
  return router
}

function webhooksThemselves(router: Router, deps: WebhookDeps, signedIn: SignedIn): void {
  router.post(
    '/',
    signedIn(async (request, response, caller) => {
      const body = await readBody(createWebhookRequest, request, response)
      const keyed = keyedRequest(request, caller)
      const { webhook, secret } = await createWebhook(deps, { accountId: caller.account, request: body, keyed })
      noteMade(response, webhook.id)
      const shown = { ...presentWebhook(webhook), ...(secret === undefined ? {} : { secret }) }
      response.status(201).location(`${request.baseUrl}/${webhook.id}`).json(shown)
    }),
  )
  router.get(
    '/',
    signedIn(async (request, response, caller) => {
      const page = parseQuery(listWebhooksQuery, request)
      const { webhooks, total } = await listWebhooks(deps.sql, { ...page, accountId: caller.account })
      response.set('X-Total', String(total)).json(webhooks.map(presentWebhook))
    }),
  )
  router.get(
    '/:webhookId',
    signedIn(async (request, response, caller) => {
      response.json(presentWebhook(await getWebhook(deps.sql, wantedOf(request, caller))))
    }),
  )
  router.patch(
    '/:webhookId',
    signedIn(async (request, response, caller) => {
      const changes = await readBody(changeWebhookRequest, request, response)
      response.json(presentWebhook(await changeWebhook(deps, wantedOf(request, caller), changes)))
    }),
  )
  router.delete(
    '/:webhookId',
    signedIn(async (request, response, caller) => {
      await removeWebhook(deps, wantedOf(request, caller))
      response.status(204).end()
    }),
  )
  router.post(
    '/:webhookId/secret',
    signedIn(async (request, response, caller) => {
      const { overlapHours } = await readOptionalBody(rotateSecretRequest, request, response)
      const { webhook, secret } = await rotateSecret(deps, wantedOf(request, caller), overlapHours)
      response.json({ ...presentWebhook(webhook), secret })
    }),
  )
}

function theirDeliveries(router: Router, deps: WebhookDeps, signedIn: SignedIn): void {
  router.post(
    '/:webhookId/test',
    signedIn(async (request, response, caller) => {
      const delivery = await sendTest(deps, wantedOf(request, caller))
      noteMade(response, delivery.id)
      response.status(202).json(presentDelivery(delivery))
    }),
  )
  router.get(
    '/:webhookId/deliveries',
    signedIn(async (request, response, caller) => {
      const { limit, ...filter } = parseQuery(listDeliveriesQuery, request)
      const { id: webhookId } = await getWebhook(deps.sql, wantedOf(request, caller))
      const found = await listDeliveries(deps.sql, { ...filter, webhookId, limit: limit + 1 })
      const page = found.slice(0, limit)
      const before = found.length > limit ? (page.at(-1)?.position ?? null) : null
      response.json({ deliveries: page.map(presentDelivery), before })
    }),
  )
  router.post(
    '/:webhookId/deliveries/replay',
    signedIn(async (request, response, caller) => {
      const filter = await readOptionalBody(replayRequest, request, response)
      response.status(202).json(await replayAll(deps, wantedOf(request, caller), filter))
    }),
  )
  router.get(
    '/:webhookId/deliveries/:deliveryId',
    signedIn(async (request, response, caller) => {
      const { id: webhookId } = await getWebhook(deps.sql, wantedOf(request, caller))
      const delivery = await getDelivery(deps.sql, { webhookId, deliveryId: deliveryIdOf(request) })
      response.json({ ...presentDelivery(delivery), body: delivery.body })
    }),
  )
  router.post(
    '/:webhookId/deliveries/:deliveryId/replay',
    signedIn(async (request, response, caller) => {
      const delivery = await replay(deps, wantedOf(request, caller), deliveryIdOf(request))
      response.status(202).json(presentDelivery(delivery))
    }),
  )
}

function wantedOf(request: Request, caller: Identity): WantedWebhook {
  const webhookId = pathUuid(request, 'webhookId')
  if (webhookId === undefined) throw webhookNotFound(String(request.params['webhookId']))
  return { webhookId, accountId: caller.account }
}

function deliveryIdOf(request: Request): string {
  const deliveryId = pathUuid(request, 'deliveryId')
  if (deliveryId === undefined) throw deliveryNotFound(String(request.params['deliveryId']))
  return deliveryId
}
