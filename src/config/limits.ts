import { z } from 'zod'
import { listOf, mebibyte, type Read, whole } from './values.ts'

export type LimitsConfig = {
  requestsPerMinute: { account: number; address: number; share: number }
  /** Whose word counts for where a request came from: a number of proxies, or their addresses and networks. */
  trustedProxies: number | string[]
  /** Web pages that may use the API from a browser; `*`: every one. */
  corsOrigins: string[]
  /** Requests that did not come by HTTPS are refused, by the word of a trusted proxy. */
  httpsOnly: boolean
  /** What a client may take to send a request, and how large its head may be. */
  http: { headWithinMs: number; requestWithinMs: number; idleWithinMs: number; maxHeadBytes: number }
  realtime: RealtimeLimits
  passcodeTries: PasscodeTries
  /** What it may take to send a JSON body, and how large it may be: of tasks, of pools and reports of chunks, any other. */
  bodies: { withinMs: number; maxBytes: { usual: number; large: number; tasks: number } }
}

export type RealtimeLimits = {
  maxMessagesPerSecond: number
  maxMessageBytes: number
  /** What may wait for a client that does not take it. */
  maxBacklogBytes: number
  signInWithinMs: number
  /** How many rooms one connection may be in. */
  maxRooms: number
}

/** Tries of passcodes in 15 minutes: of one address at one bundle, and of all at it. */
export type PasscodeTries = { perAddress: number; inAll: number }

const origin = /^https?:\/\/[^/?#\s*]+$/

export const limitSettings = {
  RATE_LIMIT_ACCOUNT_PER_MINUTE: whole(1, 10_000_000, 30_000),
  RATE_LIMIT_ADDRESS_PER_MINUTE: whole(1, 10_000_000, 1_000),
  RATE_LIMIT_SHARE_PER_MINUTE: whole(1, 10_000_000, 600),
  HTTP_HEAD_TIMEOUT_SECONDS: whole(1, 3600, 30),
  HTTP_REQUEST_TIMEOUT_SECONDS: whole(1, 86_400, 3600),
  HTTP_BODY_TIMEOUT_SECONDS: whole(1, 3600, 30),
  HTTP_IDLE_TIMEOUT_SECONDS: whole(1, 3600, 65),
  HTTP_MAX_HEAD_BYTES: whole(4096, 1_048_576, 16_384),
  HTTP_MAX_BODY_BYTES: whole(1024, 268_435_456, 65_536),
  HTTP_MAX_LARGE_BODY_BYTES: whole(1024, 268_435_456, mebibyte),
  HTTP_MAX_TASKS_BODY_BYTES: whole(1024, 268_435_456, 8 * mebibyte),
  REALTIME_MESSAGES_PER_SECOND: whole(1, 1_000_000, 100),
  REALTIME_MAX_MESSAGE_BYTES: whole(1024, 16_777_216, 65_536),
  REALTIME_MAX_BACKLOG_BYTES: whole(65_536, 1_073_741_824, mebibyte),
  REALTIME_SIGN_IN_TIMEOUT_SECONDS: whole(1, 300, 5),
  REALTIME_ROOMS_PER_CONNECTION: whole(1, 1_000_000, 1000),
  PASSCODE_TRIES_PER_ADDRESS: whole(1, 1_000_000, 10),
  PASSCODE_TRIES_PER_BUNDLE: whole(1, 1_000_000, 200),
  TRUST_PROXY: z
    .string()
    .default('0')
    .transform((text) => (/^\d{1,2}$/.test(text) ? Number(text) : listOf(text))),
  CORS_ORIGINS: z
    .string()
    .default('')
    .transform(listOf)
    .refine((origins) => origins.every((one) => one === '*' || origin.test(one)), {
      error: 'must be origins such as https://app.example, with commas between, or *',
    }),
  HTTPS_ONLY: z
    .enum(['true', 'false'], 'must be true or false')
    .default('false')
    .transform((text) => text === 'true'),
}

export function limitsConfig(set: Read<typeof limitSettings>): LimitsConfig {
  return {
    requestsPerMinute: {
      account: set.RATE_LIMIT_ACCOUNT_PER_MINUTE,
      address: set.RATE_LIMIT_ADDRESS_PER_MINUTE,
      share: set.RATE_LIMIT_SHARE_PER_MINUTE,
    },
    trustedProxies: set.TRUST_PROXY,
    corsOrigins: set.CORS_ORIGINS,
    httpsOnly: set.HTTPS_ONLY,
    http: {
      headWithinMs: set.HTTP_HEAD_TIMEOUT_SECONDS * 1000,
      requestWithinMs: set.HTTP_REQUEST_TIMEOUT_SECONDS * 1000,
      idleWithinMs: set.HTTP_IDLE_TIMEOUT_SECONDS * 1000,
      maxHeadBytes: set.HTTP_MAX_HEAD_BYTES,
    },
    realtime: {
      maxMessagesPerSecond: set.REALTIME_MESSAGES_PER_SECOND,
      maxMessageBytes: set.REALTIME_MAX_MESSAGE_BYTES,
      maxBacklogBytes: set.REALTIME_MAX_BACKLOG_BYTES,
      signInWithinMs: set.REALTIME_SIGN_IN_TIMEOUT_SECONDS * 1000,
      maxRooms: set.REALTIME_ROOMS_PER_CONNECTION,
    },
    passcodeTries: { perAddress: set.PASSCODE_TRIES_PER_ADDRESS, inAll: set.PASSCODE_TRIES_PER_BUNDLE },
    bodies: {
      withinMs: set.HTTP_BODY_TIMEOUT_SECONDS * 1000,
      maxBytes: {
        usual: set.HTTP_MAX_BODY_BYTES,
        large: set.HTTP_MAX_LARGE_BODY_BYTES,
        tasks: set.HTTP_MAX_TASKS_BODY_BYTES,
      },
    },
  }
}
