import { createHmac, randomBytes } from 'node:crypto'

const prefix = 'whsec_'
const secretBytes = 32

/** A new secret as the Standard Webhooks specification writes one: base64 after `whsec_`. */
export function newSecret(): string {
  return prefix + randomBytes(secretBytes).toString('base64')
}

export type SignedMessage = { id: string; timestampSeconds: number; body: string }

/**
 * The headers of a message (Standard Webhooks, version 1): its id, when it was sent, and for each secret a signature over
 * both and the body, so that a receiver may know either of two while one takes the place of the other.
 */
export function signatureHeaders(
  { id, timestampSeconds, body }: SignedMessage,
  secrets: readonly string[],
): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': secrets.map((secret) => `v1,${sign(secret, `${id}.${timestampSeconds}.${body}`)}`).join(' '),
  }
}

function sign(secret: string, content: string): string {
  const key = Buffer.from(secret.slice(prefix.length), 'base64')
  return createHmac('sha256', key).update(content).digest('base64')
}
