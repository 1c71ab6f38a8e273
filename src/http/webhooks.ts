import type { Request } from 'express'
import type { Identity } from '../auth/verify.ts'
import {
  changeWebhookRequest,
  createdWebhook,
  createWebhookRequest,
  listWebhooksQuery,
  rotateSecretRequest,
  webhookView,
  webhookWithSecret,
} from '../contract/webhook.ts'
import { listWebhooks, type WantedWebhook } from '../db/webhooks.ts'
import { getWebhook, presentWebhook, webhookNotFound } from '../notify/show-webhook.ts'
import { changeWebhook, createWebhook, removeWebhook, rotateSecret, type WebhookDeps } from '../notify/webhooks.ts'
import { noteMade } from './audit-trail.ts'
import { empty, json, made, page } from './outcomes.ts'
import { type Route, route } from './route.ts'
import { pathUuid } from './validate.ts'

/** `/webhooks` and `/webhooks/{id}` */
export function webhookRoutes(deps: WebhookDeps): Route[] {
  return [create(deps), list(deps), show(deps), change(deps), remove(deps), rotate(deps)]
}

const create = (deps: WebhookDeps) =>
  route(
    {
      method: 'POST',
      path: '/',
      id: 'createWebhook',
      summary: "Have an account's events told to a URL",
      body: createWebhookRequest,
      keyed: true,
      answers: { 201: made('The webhook, with the secret that its messages are signed with.', createdWebhook) },
      errors: ['WEBHOOK_URL_REFUSED', 'WEBHOOK_LIMIT', 'SECRETS_UNAVAILABLE'],
    },
    async ({ request, response, caller, body, keyed }) => {
      const { webhook, secret } = await createWebhook(deps, { accountId: caller.account, request: body, keyed })
      noteMade(response, webhook.id)
      const shown = { ...presentWebhook(webhook), ...(secret === undefined ? {} : { secret }) }
      response.status(201).location(`${request.baseUrl}/${webhook.id}`).json(shown)
    },
  )

const list = (deps: WebhookDeps) =>
  route(
    {
      method: 'GET',
      path: '/',
      id: 'listWebhooks',
      summary: "List the account's webhooks",
      query: listWebhooksQuery,
      answers: { 200: page('A page of them.', webhookView) },
    },
    async ({ response, caller, query }) => {
      const { webhooks, total } = await listWebhooks(deps.sql, { ...query, accountId: caller.account })
      response.set('X-Total', String(total)).json(webhooks.map(presentWebhook))
    },
  )

const show = (deps: WebhookDeps) =>
  route(
    {
      method: 'GET',
      path: '/:webhookId',
      id: 'getWebhook',
      summary: 'Show a webhook',
      answers: { 200: json('The webhook.', webhookView) },
      errors: ['WEBHOOK_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      response.json(presentWebhook(await getWebhook(deps.sql, wantedWebhook(request, caller))))
    },
  )

const change = (deps: WebhookDeps) =>
  route(
    {
      method: 'PATCH',
      path: '/:webhookId',
      id: 'changeWebhook',
      summary: 'Change, disable or enable a webhook',
      description: 'What is left out stays; null takes the description away, and lifts the filter of events.',
      body: changeWebhookRequest,
      answers: { 200: json('The webhook as it is now.', webhookView) },
      errors: ['WEBHOOK_NOT_FOUND', 'WEBHOOK_URL_REFUSED'],
    },
    async ({ request, response, caller, body }) => {
      response.json(presentWebhook(await changeWebhook(deps, wantedWebhook(request, caller), body)))
    },
  )

const remove = (deps: WebhookDeps) =>
  route(
    {
      method: 'DELETE',
      path: '/:webhookId',
      id: 'deleteWebhook',
      summary: 'Delete a webhook',
      answers: { 204: empty('It is gone.') },
      errors: ['WEBHOOK_NOT_FOUND'],
    },
    async ({ request, response, caller }) => {
      await removeWebhook(deps, wantedWebhook(request, caller))
      response.status(204).end()
    },
  )

const rotate = (deps: WebhookDeps) =>
  route(
    {
      method: 'POST',
      path: '/:webhookId/secret',
      id: 'rotateWebhookSecret',
      summary: 'Get a new secret; the former one counts beside it for a while',
      body: rotateSecretRequest,
      bodyOptional: true,
      answers: { 200: json('The webhook, with its new secret.', webhookWithSecret) },
      errors: ['WEBHOOK_NOT_FOUND', 'SECRETS_UNAVAILABLE'],
    },
    async ({ request, response, caller, body }) => {
      const { webhook, secret } = await rotateSecret(deps, wantedWebhook(request, caller), body.overlapHours)
      response.json({ ...presentWebhook(webhook), secret })
    },
  )

/** The webhook that a path names, for its owner. Throws WEBHOOK_NOT_FOUND when it cannot be one. */
export function wantedWebhook(request: Request, caller: Identity): WantedWebhook {
  const webhookId = pathUuid(request, 'webhookId')
  if (webhookId === undefined) throw webhookNotFound(String(request.params['webhookId']))
  return { webhookId, accountId: caller.account }
}
