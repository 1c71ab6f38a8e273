import { z } from 'zod'
import { type EventType, eventData } from '../contract/event.ts'
import { count, id, instant } from '../contract/fields.ts'
import { webhookEventTypes } from '../contract/webhook.ts'
import type { JsonSchema, SchemaBook } from './json-schema.ts'

const headers = [
  { name: 'webhook-id', description: 'The same at every attempt: who has seen it need do nothing.' },
  { name: 'webhook-timestamp', description: 'When it was sent, in seconds since 1970.' },
  { name: 'webhook-signature', description: '`v1,` and the HMAC-SHA256 of id, timestamp and body, in base64.' },
]
const parameters = headers.map((header) => ({ ...header, in: 'header', required: true, schema: { type: 'string' } }))
const responses = {
  '2XX': { description: 'It was taken.' },
  '410': { description: 'The receiver is gone: the webhook is disabled.' },
  default: { description: 'It is tried again, for 24 hours.' },
}

/** What webhooks are told, one entry for each event. The events that are not kept are named schemas too. */
export function describeWebhooks(book: SchemaBook) {
  for (const type of ['upload.progress', 'task.progress'] as const) book.of(namedEvent(type), 'output')
  const told = [
    ...webhookEventTypes.map((type) => [type, book.of(namedEvent(type), 'output')] as const),
    ['webhook.test', book.of(z.object({ webhookId: id }).meta({ id: 'webhook.test' }), 'output')] as const,
  ]
  return Object.fromEntries(told.map(([type, data]) => [type, { post: describeMessage(book, type, data) }]))
}

function namedEvent(type: EventType): z.ZodType {
  const isKept = type !== 'upload.progress' && type !== 'task.progress'
  const data: z.ZodObject = eventData[type]
  return (isKept ? data.extend({ seq: count.describe('Its number within the task.') }) : data).meta({ id: type })
}

function describeMessage(book: SchemaBook, type: string, data: JsonSchema) {
  const timestamp = book.of(instant, 'output')
  const properties = { type: { const: type }, timestamp, data }
  const schema = { type: 'object', properties, required: ['type', 'timestamp', 'data'] }
  return {
    summary: `Tells of ${type}`,
    tags: ['Webhooks'],
    parameters,
    requestBody: { required: true, content: { 'application/json': { schema } } },
    responses,
  }
}
