import { createECDH } from 'node:crypto'
import { z } from 'zod'
import { listOf, type Read, whole } from './values.ts'

export type NotifyConfig = {
  /** Hosts that accounts may have requests sent to whatever their address: names or addresses, alone or with a port. */
  allowedHosts: Set<string>
  /** Tests that an account may have sent, to webhooks and by push together. */
  testsPerMinute: number
  webhooks: {
    perAccount: number
    /** For one attempt, to the end of its answer. */
    timeoutMs: number
    /** How many attempts a worker process makes at once; 0: it makes none. */
    concurrency: number
    /** How long deliveries are kept once they have ended. */
    retentionMs: number
  }
  push: {
    /** What messages by Web Push are signed with, and whom push services can write to; undefined: there is no Web Push. */
    vapid: { privateKey: Buffer; subject: string } | undefined
    /** People are told of the end of what took so long. */
    longMs: number
    perAccount: number
  }
}

export const notifySettings = {
  NOTIFY_ALLOWED_HOSTS: z
    .string()
    .default('')
    .transform((text) => listOf(text.toLowerCase()).map((host) => host.replace(/[[\]]/g, '')))
    .refine((hosts) => hosts.every((host) => /^[^\s/@?#]+$/.test(host)), {
      error: 'must be hosts such as hooks.internal or 10.1.2.3:8080, with commas between',
    }),
  NOTIFY_TESTS_PER_MINUTE: whole(1, 100_000, 30),
  WEBHOOKS_PER_ACCOUNT: whole(0, 10_000, 20),
  WEBHOOK_TIMEOUT_SECONDS: whole(1, 60, 15),
  WEBHOOK_CONCURRENCY: whole(0, 1000, 32),
  WEBHOOK_RETENTION_DAYS: whole(1, 3650, 30),
  PUSH_VAPID_PRIVATE_KEY: z
    .string()
    .transform((text) => Buffer.from(text, 'base64'))
    .refine(isPrivateKey, 'must be a private key of P-256: 32 bytes in base64')
    .optional(),
  PUSH_VAPID_SUBJECT: z
    .string()
    .regex(/^(mailto:[^@\s]+@[^@\s]+|https:\/\/\S+)$/, 'must be a mailto: or https: URL to reach you by')
    .optional(),
  PUSH_LONG_SECONDS: whole(0, 31_536_000, 60),
  PUSH_SUBSCRIPTIONS_PER_ACCOUNT: whole(0, 10_000, 20),
}

export function notifyConfig(set: Read<typeof notifySettings>): NotifyConfig {
  return {
    allowedHosts: new Set(set.NOTIFY_ALLOWED_HOSTS),
    testsPerMinute: set.NOTIFY_TESTS_PER_MINUTE,
    webhooks: {
      perAccount: set.WEBHOOKS_PER_ACCOUNT,
      timeoutMs: set.WEBHOOK_TIMEOUT_SECONDS * 1000,
      concurrency: set.WEBHOOK_CONCURRENCY,
      retentionMs: set.WEBHOOK_RETENTION_DAYS * 24 * 3_600_000,
    },
    push: {
      vapid: vapidOf(set),
      longMs: set.PUSH_LONG_SECONDS * 1000,
      perAccount: set.PUSH_SUBSCRIPTIONS_PER_ACCOUNT,
    },
  }
}

/** Said along with every other wrong setting, so of what is given and not of what could be read. */
export function vapidMissing(given: Record<string, string | undefined>): string[] {
  const names = ['PUSH_VAPID_PRIVATE_KEY', 'PUSH_VAPID_SUBJECT'] as const
  const [key, subject] = names.map((name) => given[name] !== undefined)
  if (key === subject) return []
  return key ? [`${names[1]}: is required with ${names[0]}`] : [`${names[0]}: is required with ${names[1]}`]
}

function vapidOf({ PUSH_VAPID_PRIVATE_KEY: privateKey, PUSH_VAPID_SUBJECT: subject }: Read<typeof notifySettings>) {
  return privateKey === undefined || subject === undefined ? undefined : { privateKey, subject }
}

function isPrivateKey(key: Buffer): boolean {
  if (key.length !== 32) return false
  try {
    createECDH('prime256v1').setPrivateKey(key)
    return true
  } catch {
    return false
  }
}
