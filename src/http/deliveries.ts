import type { Request } from 'express'
import {
  deliveriesPage,
  deliveryView,
  deliveryWithBody,
  listDeliveriesQuery,
  replayedDeliveries,
  replayRequest,
} from '../contract/webhook.ts'
import { listDeliveries } from '../db/webhook-lists.ts'
import { getDelivery, replay, replayAll, sendTest } from '../notify/replay.ts'
import { deliveryNotFound, getWebhook, presentDelivery } from '../notify/show-webhook.ts'
import type { WebhookDeps } from '../notify/webhooks.ts'
import { noteMade } from './audit-trail.ts'
import { json } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { pathUuid } from './validate.ts'
import { wantedWebhook } from './webhooks.ts'

/** `/webhooks/{id}/deliveries…` and `/webhooks/{id}/test` */
export function deliveryRoutes(deps: WebhookDeps): Route[] {
  return [test(deps), list(deps), replayMany(deps), show(deps), replayOne(deps)]
}

const test = (deps: WebhookDeps) =>
  route(
    {
      method: 'POST',
      path: '/:webhookId/test',
      id: 'testWebhook',
      summary: 'Send a message to try a webhook',
      answers: { 202: json('The delivery, which is on its way.', deliveryView) },
      errors: ['WEBHOOK_NOT_FOUND', 'DELIVERY_NOT_FOUND', 'WEBHOOK_DISABLED', 'TOO_MANY_ATTEMPTS'],
    },
    async ({ request, response, caller }) => {
      const delivery = await sendTest(deps, wantedWebhook(request, caller))
      noteMade(response, delivery.id)
      response.status(202).json(presentDelivery(delivery))
    },
  )

const list = (deps: WebhookDeps) =>
  route(
    {
      method: 'GET',
      path: '/:webhookId/deliveries',
      id: 'listDeliveries',
      summary: "List a webhook's deliveries",
      query: listDeliveriesQuery,
      answers: { 200: json('A page, the newest first.', deliveriesPage) },
      errors: ['WEBHOOK_NOT_FOUND'],
    },
    async ({ request, response, caller, query }) => {
      const { limit, ...filter } = query
      const { id: webhookId } = await getWebhook(deps.sql, wantedWebhook(request, caller))
      const found = await listDeliveries(deps.sql, { ...filter, webhookId, limit: limit + 1 })
      const page = found.slice(0, limit)
      const before = found.length > limit ? (page.at(-1)?.position ?? null) : null
      response.json({ deliveries: page.map(presentDelivery), before })
    },
  )

const replayMany = (deps: WebhookDeps) =>
  route(
    {
      method: 'POST',
      path: '/:webhookId/deliveries/replay',
      id: 'replayDeliveries',
      summary: 'Send deliveries once more, by filter',
      body: replayRequest,
      bodyOptional: true,
      answers: { 202: json('How many are on their way.', replayedDeliveries) },
      errors: ['WEBHOOK_NOT_FOUND', 'WEBHOOK_DISABLED'],
    },
    async ({ request, response, caller, body }) => {
      response.status(202).json(await replayAll(deps, wantedWebhook(request, caller), body))
    },
  )

const show = (deps: WebhookDeps) =>
  route(
    {
      method: 'GET',
      path: '/:webhookId/deliveries/:deliveryId',
      id: 'getDelivery',
      summary: 'Show a delivery, with what it tells',
      answers: { 200: json('The delivery.', deliveryWithBody) },
      errors: ['WEBHOOK_NOT_FOUND', 'DELIVERY_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      const { id: webhookId } = await getWebhook(deps.sql, wantedWebhook(request, caller))
      const delivery = await getDelivery(deps.sql, { webhookId, deliveryId: deliveryIdOf(request) })
      response.json({ ...presentDelivery(delivery), body: delivery.body })
    },
  )

const replayOne = (deps: WebhookDeps) =>
  route(
    {
      method: 'POST',
      path: '/:webhookId/deliveries/:deliveryId/replay',
      id: 'replayDelivery',
      summary: 'Send a delivery once more',
      answers: { 202: json('The delivery, which is on its way.', deliveryView) },
      errors: ['WEBHOOK_NOT_FOUND', 'DELIVERY_NOT_FOUND', 'WEBHOOK_DISABLED', 'DELIVERY_PENDING'],
    },
    async ({ request, response, caller }) => {
      const delivery = await replay(deps, wantedWebhook(request, caller), deliveryIdOf(request))
      response.status(202).json(presentDelivery(delivery))
    },
  )

function deliveryIdOf(request: Request): string {
  const deliveryId = pathUuid(request, 'deliveryId')
  if (deliveryId === undefined) throw deliveryNotFound(String(request.params['deliveryId']))
  return deliveryId
}
