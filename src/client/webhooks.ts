import type { z } from 'zod'
import type { changeWebhookRequest, createWebhookRequest, WebhookView } from '../contract/webhook.ts'
import type { Api, Page } from './api.ts'

export type NewWebhook = z.input<typeof createWebhookRequest>
export type WebhookChanges = z.input<typeof changeWebhookRequest>

/** `client.webhooks`: whom the server tells what happens. Each call throws LongshoreError. */
export class Webhooks {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  /** `secret` is shown here and never again. */
  async create(webhook: NewWebhook): Promise<WebhookView & { secret: string }> {
    return this.#api.create<WebhookView & { secret: string }>('/webhooks', webhook)
  }

  async list(page: { offset?: number; limit?: number } = {}): Promise<Page<WebhookView>> {
    return this.#api.page<WebhookView>('/webhooks', page)
  }

  async get(webhookId: string): Promise<WebhookView> {
    return this.#api.json<WebhookView>({ path: pathOf(webhookId) })
  }

  /** What is left out stays; null takes `description` away and lifts the filter of `events`. */
  async change(webhookId: string, changes: WebhookChanges): Promise<WebhookView> {
    return this.#api.json<WebhookView>({ method: 'PATCH', path: pathOf(webhookId), json: changes, isRepeatable: true })
  }

  async delete(webhookId: string): Promise<void> {
    return this.#api.nothing({ method: 'DELETE', path: pathOf(webhookId) })
  }
}

function pathOf(webhookId: string): string {
  return `/webhooks/${encodeURIComponent(webhookId)}`
}
