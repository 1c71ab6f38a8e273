import { resolve } from 'node:path'
import { z } from 'zod'
import { type LogLevels, parseLogLevels } from '../log.ts'
import { parseRedisAddress, RedisAddressError } from '../redis-address.ts'
import { type Read, url, whole } from './values.ts'

/** Where a process listens, and what it is connected to. */
export type ProcessConfig = {
  port: number
  host: string
  dataDir: string
  databaseUrl: string
  /** Leads to Postgres itself where `databaseUrl` leads to a transaction pooler: for what listens, and for migrations. */
  databaseDirectUrl: string
  /** Whether statements are prepared once per connection, which not every transaction pooler allows. */
  preparesStatements: boolean
  redisUrl: string | undefined
  queuePrefix: string
  log: LogLevels
  metrics: MetricsConfig
}

/** Who may read the metrics; without a token nobody, and nothing is counted. */
export type MetricsConfig = {
  token: string | undefined
  /** Where a worker tells them; without one it does not. */
  workerPort: number | undefined
}

export const processSettings = {
  PORT: whole(0, 65535, 8080),
  HOST: z.string().default('127.0.0.1'),
  DATA_DIR: z.string().default('.longshore'),
  DATABASE_URL: url(['postgres', 'postgresql']),
  DATABASE_DIRECT_URL: url(['postgres', 'postgresql']).optional(),
  DATABASE_PREPARED_STATEMENTS: z.enum(['true', 'false'], 'must be true or false').optional(),
  REDIS_URL: z.string().transform(redisUrl).optional(),
  QUEUE_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,40}$/, 'must be 1 to 40 letters, digits, "-" or "_"')
    .default('longshore'),
  METRICS_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{16,}$/, 'must be at least 16 visible ASCII characters, no spaces')
    .optional(),
  METRICS_PORT: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a port from 0 to 65535')
    .transform(Number)
    .refine((port) => port <= 65_535, 'must be a port from 0 to 65535')
    .optional(),
  LOG_LEVEL: z
    .string()
    .default('info')
    .transform((text, context) => {
      const parsed = parseLogLevels(text)
      if (parsed) return parsed
      context.addIssue(
        'must be a level (fatal, error, warn, info, debug, trace, silent) or a list such as info,uploads:debug',
      )
      return z.NEVER
    }),
}

export function processConfig(set: Read<typeof processSettings>): ProcessConfig {
  return {
    port: set.PORT,
    host: set.HOST,
    dataDir: resolve(set.DATA_DIR),
    databaseUrl: set.DATABASE_URL,
    databaseDirectUrl: set.DATABASE_DIRECT_URL ?? set.DATABASE_URL,
    preparesStatements: preparesStatements(set),
    redisUrl: set.REDIS_URL,
    queuePrefix: set.QUEUE_PREFIX,
    log: set.LOG_LEVEL,
    metrics: { token: set.METRICS_TOKEN, workerPort: set.METRICS_PORT },
  }
}

/** An URL that goes past it says that there is a pooler. */
function preparesStatements(set: Read<typeof processSettings>): boolean {
  const { DATABASE_PREPARED_STATEMENTS: wanted, DATABASE_DIRECT_URL: direct } = set
  return wanted === undefined ? direct === undefined || direct === set.DATABASE_URL : wanted === 'true'
}

function redisUrl(text: string, context: z.RefinementCtx): string {
  try {
    parseRedisAddress(text)
  } catch (error) {
    if (!(error instanceof RedisAddressError)) throw error
    context.addIssue(error.message)
  }
  return text
}
