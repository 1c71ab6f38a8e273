import { ECDH } from 'node:crypto'
import webPush from 'web-push'
import { z } from 'zod'
import { type AllowedHosts, flawOf, isAllowed } from './destination.ts'
import { issuesOf, type Message, type Notifier, type SendOutcome } from './notifier.ts'
import type { Post } from './post.ts'
import { curve, publicKeyOf, type VapidSettings } from './vapid.ts'

/** So long a push service keeps a message for a receiver that is away. */
const timeToLiveSeconds = 24 * 3600

/** Web Push (RFC 8030), each message encrypted for its receiver alone (RFC 8291). */
export function webPushNotifier(
  vapid: VapidSettings,
  { post, allowedHosts }: { post: Post; allowedHosts: AllowedHosts },
): Notifier {
  const schema = subscriptionOf(allowedHosts)
  const vapidDetails = {
    subject: vapid.subject,
    publicKey: publicKeyOf(vapid),
    privateKey: vapid.privateKey.toString('base64url'),
  }
  return {
    transport: 'web-push',
    read: (given) => {
      const parsed = schema.safeParse(given)
      if (!parsed.success) return { issues: issuesOf(parsed.error) }
      const { endpoint, expirationTime, keys } = parsed.data
      const expiresAt = expirationTime === null ? null : new Date(expirationTime)
      const text = JSON.stringify({ endpoint, keys })
      return { address: { text, identity: endpoint, host: new URL(endpoint).host, expiresAt } }
    },
    send: async (address, message, topic, stop) => {
      const subscription = stored.parse(JSON.parse(address))
      const { headers, body, endpoint } = webPush.generateRequestDetails(subscription, payloadOf(message), {
        vapidDetails,
        TTL: timeToLiveSeconds,
        urgency: 'normal',
        topic,
        contentEncoding: 'aes128gcm',
      })
      return outcomeOf(await post({ url: endpoint, headers, body }, stop))
    },
  }
}

const stored = z.object({ endpoint: z.string(), keys: z.object({ p256dh: z.string(), auth: z.string() }) })

/** A browser's subscription. Its service must be reached by HTTPS, unless a setting names its host. */
function subscriptionOf(allowedHosts: AllowedHosts) {
  return z.strictObject({
    endpoint: z
      .string()
      .max(2000)
      .superRefine((url, context) => {
        const flaw = flawOf(url, allowedHosts)
        if (flaw !== undefined) context.addIssue(flaw)
        else if (!url.startsWith('https:') && !isAllowed(new URL(url), allowedHosts)) {
          context.addIssue('must begin with https://')
        }
      }),
    expirationTime: z.number().min(0).max(8.64e15).nullable().default(null),
    keys: z.strictObject({
      p256dh: z.string().max(200).refine(isPoint, 'must be a public key of P-256 in base64url'),
      auth: z
        .string()
        .max(100)
        .refine((text) => Buffer.from(text, 'base64url').length === 16, 'must be 16 bytes in base64url'),
    }),
  })
}

function isPoint(text: string): boolean {
  const key = Buffer.from(text, 'base64url')
  if (key.length !== 65) return false
  try {
    ECDH.convertKey(key, curve)
    return true
  } catch {
    return false
  }
}

/** Push services take 4,096 bytes with the encryption; what is meant to be read is cut long before. */
function payloadOf({ title, body, data }: Message): string {
  return JSON.stringify({ title: shortened(title, 200), body: shortened(body, 500), data })
}

function shortened(text: string, mostCharacters: number): string {
  const characters = Array.from(text)
  return characters.length <= mostCharacters ? text : `${characters.slice(0, mostCharacters - 1).join('')}…`
}

/** RFC 8030 §7.3: 404 and 410 are a subscription that is no more. */
function outcomeOf(outcome: Awaited<ReturnType<Post>>): SendOutcome {
  if (!('status' in outcome)) return { failed: outcome }
  if (outcome.status === 404 || outcome.status === 410) return 'gone'
  return outcome.status >= 200 && outcome.status < 300 ? 'sent' : { failed: outcome }
}
