import { resolve } from 'node:path'
import { z } from 'zod'
import { type LogLevels, parseLogLevels } from './log.ts'
import { parseRedisAddress, RedisAddressError } from './redis-address.ts'

export type Config = {
  port: number
  host: string
  dataDir: string
  databaseUrl: string
  /** Leads to Postgres itself where `databaseUrl` leads to a transaction pooler: for what listens. */
  databaseDirectUrl: string
  redisUrl: string | undefined
  queuePrefix: string
  authJwtSecret: string
  /** Keys that passwords of tasks are sealed under, the newest first. None: such tasks are refused. */
  secretsKeys: Buffer[]
  storage: {
    /** Where unfinished uploads of the default pool lie; undefined: a folder inside the pool. */
    uploadsPath: string | undefined
    defaultPoolId: string
    /** How long the bytes stay that no file refers to any more. */
    orphanGraceMs: number
    trashRetentionMs: number
  }
  uploads: {
    defaultChunkSizeBytes: number
    maxChunkSizeBytes: number
    maxFileSizeBytes: number
    staleThresholdMs: number
    cleanupIntervalMs: number
    cacheDurationMs: number
  }
  tasks: {
    /** Modules with an app's own task types. */
    modules: string[]
    retentionMs: number
  }
  schedules: { perAccount: number }
  log: LogLevels
}

const mebibyte = 1024 * 1024

/** A whole number in decimal digits, as the environment spells it. */
const whole = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`)
    .default(fallback)

const url = (schemes: readonly string[]) =>
  z.string().refine((value) => schemes.some((scheme) => value.startsWith(`${scheme}://`)) && URL.canParse(value), {
    error: `must be a URL that starts with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
  })

function redisUrl(text: string, context: z.RefinementCtx): string {
  try {
    parseRedisAddress(text)
  } catch (error) {
    if (!(error instanceof RedisAddressError)) throw error
    context.addIssue(error.message)
  }
  return text
}

const settings = z.object({
  PORT: whole(0, 65535, 8080),
  HOST: z.string().default('127.0.0.1'),
  DATA_DIR: z.string().default('.longshore'),
  DATABASE_URL: url(['postgres', 'postgresql']),
  DATABASE_DIRECT_URL: url(['postgres', 'postgresql']).optional(),
  REDIS_URL: z.string().transform(redisUrl).optional(),
  QUEUE_PREFIX: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,40}$/, 'must be 1 to 40 letters, digits, "-" or "_"')
    .default('longshore'),
  AUTH_JWT_SECRET: z.string().min(32, 'must have at least 32 characters'),
  SECRETS_KEYS: z
    .string()
    .default('')
    .transform((text) => listOf(text).map((part) => Buffer.from(part, 'base64')))
    .refine(
      (keys) => keys.every((key) => key.length === 32),
      'must be keys of 32 bytes in base64, with commas between',
    ),
  STORAGE_UPLOADS_PATH: z.string().optional(),
  STORAGE_PREFERRED_REMOTE: z.uuid('must be a UUID').toLowerCase().default('550e8400-e29b-41d4-a716-446655440000'),
  STORAGE_ORPHAN_GRACE_MINUTES: whole(1, 60 * 24 * 30, 60),
  TRASH_RETENTION_DAYS: whole(0, 3650, 7),
  UPLOAD_DEFAULT_CHUNK_SIZE: whole(1, 2 ** 31 - 1, 5 * mebibyte),
  UPLOAD_MAX_CHUNK_SIZE: whole(1, 2 ** 31 - 1, 16 * mebibyte),
  UPLOAD_MAX_FILE_SIZE: whole(1, 10_000 * (2 ** 31 - 2 ** 16), 2 ** 40),
  UPLOAD_STALE_THRESHOLD_HOURS: whole(1, 24 * 365, 24),
  UPLOAD_CLEANUP_INTERVAL_MINUTES: whole(1, 24 * 60, 60),
  UPLOAD_CACHE_DURATION_MINUTES: whole(0, 24 * 60, 30),
  TASK_MODULES: z.string().default(''),
  TASK_RETENTION_DAYS: whole(1, 3650, 30),
  SCHEDULES_PER_ACCOUNT: whole(0, 1_000_000, 1000),
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
})

/** The settings are wrong; `problems` names every wrong one, a line each. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Reads the settings from an environment. An empty variable counts as not set. Throws ConfigError with all that is wrong. */
export function loadConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = settings.safeParse(given)
  const problems = parsed.success
    ? contradictions(parsed.data)
    : parsed.error.issues.map((issue) => describe(issue, given))
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems)
  const set = parsed.data
  return {
    port: set.PORT,
    host: set.HOST,
    dataDir: resolve(set.DATA_DIR),
    databaseUrl: set.DATABASE_URL,
    databaseDirectUrl: set.DATABASE_DIRECT_URL ?? set.DATABASE_URL,
    redisUrl: set.REDIS_URL,
    queuePrefix: set.QUEUE_PREFIX,
    authJwtSecret: set.AUTH_JWT_SECRET,
    secretsKeys: set.SECRETS_KEYS,
    storage: {
      uploadsPath: set.STORAGE_UPLOADS_PATH === undefined ? undefined : resolve(set.STORAGE_UPLOADS_PATH),
      defaultPoolId: set.STORAGE_PREFERRED_REMOTE,
      trashRetentionMs: set.TRASH_RETENTION_DAYS * 24 * 3_600_000,
      orphanGraceMs: set.STORAGE_ORPHAN_GRACE_MINUTES * 60_000,
    },
    uploads: {
      defaultChunkSizeBytes: set.UPLOAD_DEFAULT_CHUNK_SIZE,
      maxChunkSizeBytes: set.UPLOAD_MAX_CHUNK_SIZE,
      maxFileSizeBytes: set.UPLOAD_MAX_FILE_SIZE,
      staleThresholdMs: set.UPLOAD_STALE_THRESHOLD_HOURS * 3_600_000,
      cleanupIntervalMs: set.UPLOAD_CLEANUP_INTERVAL_MINUTES * 60_000,
      cacheDurationMs: set.UPLOAD_CACHE_DURATION_MINUTES * 60_000,
    },
    tasks: {
      modules: listOf(set.TASK_MODULES),
      retentionMs: set.TASK_RETENTION_DAYS * 24 * 3_600_000,
    },
    schedules: { perAccount: set.SCHEDULES_PER_ACCOUNT },
    log: set.LOG_LEVEL,
  }
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function contradictions(set: z.infer<typeof settings>): string[] {
  if (set.UPLOAD_DEFAULT_CHUNK_SIZE <= set.UPLOAD_MAX_CHUNK_SIZE) return []
  return ['UPLOAD_DEFAULT_CHUNK_SIZE: must not be larger than UPLOAD_MAX_CHUNK_SIZE']
}

function describe(issue: z.core.$ZodIssue, given: Record<string, string | undefined>): string {
  const name = issue.path.join('.')
  return given[name] === undefined ? `${name}: is required` : `${name}: ${issue.message}`
}
