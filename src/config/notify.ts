import { z } from 'zod'
import { listOf, type Read, whole } from './values.ts'

export type NotifyConfig = {
  /** Hosts that accounts may have requests sent to whatever their address: names or addresses, alone or with a port. */
  allowedHosts: Set<string>
  webhooks: {
    perAccount: number
    /** For one attempt, to the end of its answer. */
    timeoutMs: number
    /** How many attempts a worker process makes at once; 0: it makes none. */
    concurrency: number
    /** How long deliveries are kept once they have ended. */
    retentionMs: number
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
  WEBHOOKS_PER_ACCOUNT: whole(0, 10_000, 20),
  WEBHOOK_TIMEOUT_SECONDS: whole(1, 60, 15),
  WEBHOOK_CONCURRENCY: whole(0, 1000, 32),
  WEBHOOK_RETENTION_DAYS: whole(1, 3650, 30),
}

export function notifyConfig(set: Read<typeof notifySettings>): NotifyConfig {
  return {
    allowedHosts: new Set(set.NOTIFY_ALLOWED_HOSTS),
    webhooks: {
      perAccount: set.WEBHOOKS_PER_ACCOUNT,
      timeoutMs: set.WEBHOOK_TIMEOUT_SECONDS * 1000,
      concurrency: set.WEBHOOK_CONCURRENCY,
      retentionMs: set.WEBHOOK_RETENTION_DAYS * 24 * 3_600_000,
    },
  }
}
