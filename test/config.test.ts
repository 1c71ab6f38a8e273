import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, loadConfig } from '../src/config.ts'

const needed = {
  DATABASE_URL: 'postgres://localhost/longshore',
  AUTH_JWT_SECRET: 'a secret of more than thirty-two characters',
}

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('the settings', () => {
  it('have defaults for everything but the database and the secret', () => {
    expect(loadConfig(needed)).toEqual({
      archives: { limits: { mostBytes: 128 * 2 ** 30, mostEntries: 100_000, mostRatio: 200 } },
      port: 8080,
      host: '127.0.0.1',
      dataDir: resolve('.longshore'),
      databaseUrl: needed.DATABASE_URL,
      databaseDirectUrl: needed.DATABASE_URL,
      preparesStatements: true,
      redisUrl: undefined,
      queuePrefix: 'longshore',
      tokens: {
        secret: needed.AUTH_JWT_SECRET,
        jwksUrl: undefined,
        issuer: undefined,
        audience: undefined,
        clockToleranceSeconds: 30,
      },
      secretsKeys: [],
      auditRetentionMs: 365 * 24 * 3_600_000,
      limits: {
        requestsPerMinute: { account: 30_000, address: 1000, share: 600 },
        trustedProxies: 0,
        corsOrigins: [],
        httpsOnly: false,
        http: { headWithinMs: 30_000, requestWithinMs: 3_600_000, idleWithinMs: 65_000, maxHeadBytes: 16_384 },
        realtime: {
          maxMessagesPerSecond: 100,
          maxMessageBytes: 65_536,
          maxBacklogBytes: 1_048_576,
          signInWithinMs: 5000,
          maxRooms: 1000,
        },
        passcodeTries: { perAddress: 10, inAll: 200 },
        bodies: { withinMs: 30_000, maxBytes: { usual: 65_536, large: 1_048_576, tasks: 8_388_608 } },
      },
      storage: {
        uploadsPath: undefined,
        defaultPoolId: '550e8400-e29b-41d4-a716-446655440000',
        declared: [],
        localRoots: [],
        orphanGraceMs: 3_600_000,
        trashRetentionMs: 7 * 24 * 3_600_000,
        quota: { defaultLimitBytes: Number.MAX_SAFE_INTEGER },
      },
      uploads: {
        defaultChunkSizeBytes: 5 * 1024 * 1024,
        maxChunkSizeBytes: 16 * 1024 * 1024,
        maxFileSizeBytes: 2 ** 40,
        openPerAccount: 10_000,
        tokensPerAccount: 1000,
        staleThresholdMs: 24 * 3_600_000,
        cleanupIntervalMs: 3_600_000,
        cacheDurationMs: 1_800_000,
        minBytesPerSecond: 1024,
        paceAfterMs: 30_000,
        stalledAfterMs: 10_000,
      },
      tasks: { modules: [], retentionMs: 30 * 24 * 3_600_000, openPerAccount: 100_000 },
      schedules: { perAccount: 1000 },
      notify: {
        allowedHosts: new Set(),
        testsPerMinute: 30,
        webhooks: { perAccount: 20, timeoutMs: 15_000, concurrency: 32, retentionMs: 30 * 24 * 3_600_000 },
        push: { vapid: undefined, longMs: 60_000, perAccount: 20 },
      },
      tracing: { exporter: undefined },
      conversion: {
        timeoutMs: 3_600_000,
        memoryBytes: 2048 * 1024 * 1024,
        diskBytes: 8192 * 1024 * 1024,
        maxPixels: 100_000_000,
        allowUnisolated: false,
      },
      log: { base: 'info', scopes: {} },
      metrics: { token: undefined, workerPort: undefined },
    })
  })

  it('are taken from the environment, with an empty one as good as none', () => {
    const config = loadConfig({
      ...needed,
      PORT: '0',
      HOST: '',
      REDIS_URL: 'rediss://cache:6380/1',
      STORAGE_UPLOADS_PATH: 'staging',
      STORAGE_PREFERRED_REMOTE: '0F8FAD5B-D9CB-469F-A165-70867728950E',
      UPLOAD_DEFAULT_CHUNK_SIZE: '1',
      UPLOAD_CACHE_DURATION_MINUTES: '0',
      UPLOAD_STALE_THRESHOLD_HOURS: '1',
      LOG_LEVEL: 'Warning,Some.Product.Storage:Debug',
    })
    expect(config).toMatchObject({
      port: 0,
      host: '127.0.0.1',
      redisUrl: 'rediss://cache:6380/1',
      storage: { uploadsPath: resolve('staging'), defaultPoolId: '0f8fad5b-d9cb-469f-a165-70867728950e' },
      uploads: { defaultChunkSizeBytes: 1, cacheDurationMs: 0, staleThresholdMs: 3_600_000 },
      log: { base: 'warn', scopes: { storage: 'debug' } },
    })
  })

  it('prepare no statements where a pooler may stand before the database, unless they are told to', () => {
    const pooled = { ...needed, DATABASE_DIRECT_URL: 'postgres://direct/longshore' }
    expect(loadConfig(pooled)).toMatchObject({
      databaseUrl: needed.DATABASE_URL,
      databaseDirectUrl: pooled.DATABASE_DIRECT_URL,
      preparesStatements: false,
    })
    expect(loadConfig({ ...pooled, DATABASE_PREPARED_STATEMENTS: 'true' })).toMatchObject({ preparesStatements: true })
    expect(loadConfig({ ...needed, DATABASE_PREPARED_STATEMENTS: 'false' })).toMatchObject({
      preparesStatements: false,
    })
    expect(problemsOf({ ...needed, DATABASE_PREPARED_STATEMENTS: 'no' })).toEqual([
      'DATABASE_PREPARED_STATEMENTS: must be true or false',
    ])
  })

  it('have a token for metrics that a header can bring', () => {
    const metrics = { METRICS_TOKEN: 'a-token-for-metrics', METRICS_PORT: '9100' }
    expect(loadConfig({ ...needed, ...metrics }).metrics).toEqual({ token: metrics.METRICS_TOKEN, workerPort: 9100 })
    expect(problemsOf({ ...needed, METRICS_TOKEN: 'with spaces in it and long', METRICS_PORT: '99999' })).toEqual([
      'METRICS_TOKEN: must be at least 16 visible ASCII characters, no spaces',
      'METRICS_PORT: must be a port from 0 to 65535',
    ])
  })

  it('take a Redis, a cluster of them, and Sentinels', () => {
    for (const url of ['redis://a', 'rediss+cluster://a:1,b:2', 'redis+sentinel://a:1,b:2/m']) {
      expect(loadConfig({ ...needed, REDIS_URL: url })).toMatchObject({ redisUrl: url })
    }
    const [problem] = problemsOf({ ...needed, REDIS_URL: 'redis+sentinel://:hunter2@a:1' })
    expect(problem).toMatch(/^REDIS_URL: must name the master/)
    expect(problem).not.toContain('hunter2')
  })

  it('that are wrong are all named at once, and no value of a secret with them', () => {
    const problems = problemsOf({
      PORT: '70000',
      DATABASE_URL: 'mysql://localhost',
      REDIS_URL: 'localhost:6379',
      QUEUE_PREFIX: 'a:b',
      AUTH_JWT_SECRET: 'too short a one',
      STORAGE_PREFERRED_REMOTE: 'default',
      UPLOAD_DEFAULT_CHUNK_SIZE: '5MB',
      UPLOAD_MAX_CHUNK_SIZE: '0',
      UPLOAD_MAX_FILE_SIZE: '-1',
      UPLOAD_STALE_THRESHOLD_HOURS: '1.5',
      UPLOAD_CLEANUP_INTERVAL_MINUTES: '1e3',
      UPLOAD_CACHE_DURATION_MINUTES: ' 3',
      LOG_LEVEL: 'loud',
    })
    expect(new Set(problems.map((problem) => problem.split(':')[0]))).toEqual(
      new Set([
        'AUTH_JWT_SECRET',
        'DATABASE_URL',
        'LOG_LEVEL',
        'PORT',
        'QUEUE_PREFIX',
        'REDIS_URL',
        'STORAGE_PREFERRED_REMOTE',
        'UPLOAD_CACHE_DURATION_MINUTES',
        'UPLOAD_CLEANUP_INTERVAL_MINUTES',
        'UPLOAD_DEFAULT_CHUNK_SIZE',
        'UPLOAD_MAX_CHUNK_SIZE',
        'UPLOAD_MAX_FILE_SIZE',
        'UPLOAD_STALE_THRESHOLD_HOURS',
      ]),
    )
    expect(problems).toHaveLength(13)
    expect(problems.every((problem) => /: must /.test(problem))).toBe(true)
    expect(problems.join('\n')).not.toContain('too short a one')
  })

  it('that are missing are said to be required', () => {
    expect(problemsOf({})).toEqual([
      'DATABASE_URL: is required',
      'AUTH_JWT_SECRET: is required, unless AUTH_JWKS_URL says where the keys are that tokens are signed with',
    ])
    expect(problemsOf({ ...needed, AUTH_JWT_SECRET: '', AUTH_JWKS_URL: 'https://issuer.example/keys' })).toEqual([])
    expect(problemsOf({ ...needed, DATABASE_URL: '' })).toEqual(['DATABASE_URL: is required'])
  })

  it('tell spans where OpenTelemetry’s own say so, and nowhere else', () => {
    const exporter = (env: Record<string, string>) => loadConfig({ ...needed, ...env }).tracing.exporter
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
    expect(exporter(endpoint)).toBe('otlp/protobuf')
    expect(exporter({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' })).toBe('otlp/protobuf')
    expect(exporter({ OTEL_TRACES_EXPORTER: 'otlp' })).toBe('otlp/protobuf')
    expect(exporter({ OTEL_TRACES_EXPORTER: 'console', ...endpoint })).toBe('console')
    expect(exporter({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' })).toBe('otlp/json')
    expect(exporter({ ...endpoint, OTEL_TRACES_EXPORTER: 'none' })).toBeUndefined()
    expect(exporter({ ...endpoint, OTEL_SDK_DISABLED: 'true' })).toBeUndefined()
    expect(exporter({ OTEL_SERVICE_NAME: 'files' })).toBeUndefined()
    expect(problemsOf({ ...needed, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_EXPORTER: 'jaeger' })).toEqual([
      'OTEL_TRACES_EXPORTER: must be otlp, console or none',
      'OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf or http/json; gRPC is not spoken here',
    ])
  })

  it('must not contradict each other', () => {
    expect(problemsOf({ ...needed, UPLOAD_DEFAULT_CHUNK_SIZE: '100', UPLOAD_MAX_CHUNK_SIZE: '99' })).toEqual([
      'UPLOAD_DEFAULT_CHUNK_SIZE: must not be larger than UPLOAD_MAX_CHUNK_SIZE',
    ])
  })
})
