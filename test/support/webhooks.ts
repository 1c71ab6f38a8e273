import { createHmac } from 'node:crypto'
import type { Answer, TestClient } from './client.ts'
import type { Received } from './receiver.ts'
import { until } from './system.ts'

/** What a client can ask of webhooks over HTTP. */
export function webhooksOf(client: TestClient) {
  const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    client.call(method, `/api/webhooks${path}`, { ...(body === undefined ? {} : { body }), headers })
  const deliveries = async (id: string, query = ''): Promise<Record<string, unknown>[]> => {
    const { body } = await call('GET', `/${id}/deliveries?${query}`)
    return [...Object(body['deliveries'])]
  }
  return {
    post: (body: unknown, headers?: Record<string, string>) => call('POST', '', body, headers),
    list: (query = '') => call('GET', `?${query}`),
    get: (id: string) => call('GET', `/${id}`),
    show: async (id: string) => (await call('GET', `/${id}`)).body,
    patch: (id: string, body: unknown) => call('PATCH', `/${id}`, body),
    remove: (id: string) => call('DELETE', `/${id}`),
    rotate: (id: string, body?: unknown) => call('POST', `/${id}/secret`, body),
    test: (id: string) => call('POST', `/${id}/test`),
    deliveries,
    page: (id: string, query: string) => call('GET', `/${id}/deliveries?${query}`),
    delivery: (id: string, deliveryId: unknown) => call('GET', `/${id}/deliveries/${deliveryId}`),
    replay: (id: string, deliveryId: unknown) => call('POST', `/${id}/deliveries/${deliveryId}/replay`),
    replayAll: (id: string, body?: unknown) => call('POST', `/${id}/deliveries/replay`, body),
    /** Waits until a webhook has a delivery that is accepted, and answers the first. */
    untilDelivery: (id: string, accepts: (delivery: Record<string, unknown>) => boolean, deadlineMs?: number) =>
      until(async () => (await deliveries(id)).find(accepts), deadlineMs),
    /** Makes one and answers its id and secret. */
    create: async (body: Record<string, unknown>): Promise<{ id: string; secret: string }> => {
      const answer = await call('POST', '', body)
      if (answer.status !== 201) throw new Error(`answered ${answer.status}: ${JSON.stringify(answer.body)}`)
      return { id: String(answer.body['webhookId']), secret: String(answer.body['secret']) }
    },
  }
}

/** The type and `seq` of what was received, in its order. */
export function told(received: readonly Received[]): string[] {
  return received.map(({ body }) => {
    const { type, data } = JSON.parse(body)
    return `${type} ${data.seq}`
  })
}

export function aboutTask(received: readonly Received[], taskId: string): Received[] {
  return received.filter(({ body }) => JSON.parse(body).data.taskId === taskId)
}

/** How many of a message's signatures are by this secret, as the Standard Webhooks specification has a receiver find out. */
export function signaturesBy({ headers, body }: Received, secret: string): number {
  const content = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const expected = createHmac('sha256', key).update(content).digest('base64')
  return signaturesOf(headers['webhook-signature']).filter((one) => one === `v1,${expected}`).length
}

export function signaturesOf(header: string | string[] | undefined): string[] {
  return String(header).split(' ')
}
