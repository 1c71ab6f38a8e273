import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { runMigrations } from 'bullmq'
import pg from 'pg'
import postgres from 'postgres'
import type { TestProject } from 'vitest/node'
import { isCephInstalled } from '../../scripts/stack/ceph-release.ts'
import { migrate } from '../../src/db/migrate.ts'
import { packageRoot } from '../../src/package-root.ts'
import { findChromium } from './browser.ts'
import { startPgBouncer } from './pgbouncer.ts'
import { makePlainPath } from './plain-path.ts'
import { startPostgresServer } from './postgres-server.ts'
import { startRedisServer } from './redis-server.ts'
import { offerS3Store } from './s3-offer.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Any database of the run's Postgres, to make others from. */
    postgresUrl: string
    /** The name of the migrated database that new ones are cloned from. */
    templateName: string
    /** The run's Redis; undefined when this machine has none. */
    redisUrl: string | undefined
    /** Where the run's S3 store is to be had; undefined when this machine has none. */
    s3StoreUrl: string | undefined
    /** Whether this machine can start S3 stores of a test's own. */
    hasCeph: boolean
    /** Whether this machine has a Chromium to open pages in. */
    hasChromium: boolean
    /** A PATH without what takes a worker long to ask about. */
    plainPath: string
    /** The same database through a PgBouncer in transaction mode; undefined when this machine has none. */
    poolerUrl: string | undefined
  }
}

/**
 * Builds dist/ if it is stale, and starts what all test files share: one Postgres with a migrated template, one PgBouncer
 * before it, one Redis, and one S3 store as soon as somebody asks for it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  execFileSync(process.execPath, [join(packageRoot(), 'scripts', 'prepare.mjs')], { stdio: 'inherit' })
  const server = process.env['TEST_DATABASE_URL'] ? undefined : await startPostgresServer()
  const postgresUrl = server?.databaseUrl ?? process.env['TEST_DATABASE_URL'] ?? ''
  const templateName = await createTemplate(postgresUrl)
  const redis = process.env['REDIS_URL'] ? undefined : await startRedisServer().catch(() => undefined)
  const redisUrl = process.env['REDIS_URL'] || redis?.redisUrl
  const pooler = await startPgBouncer(postgresUrl)
  project.provide('poolerUrl', pooler?.through(postgresUrl))
  project.provide('postgresUrl', postgresUrl)
  project.provide('templateName', templateName)
  project.provide('redisUrl', redisUrl)
  const plain = makePlainPath(process.env['PATH'] ?? '')
  project.provide('plainPath', plain.path)
  const hasCeph = await isCephInstalled()
  project.provide('hasCeph', hasCeph)
  const hasChromium = findChromium() !== undefined
  project.provide('hasChromium', hasChromium)
  const s3 = await offerS3Store(process.env, hasCeph)
  project.provide('s3StoreUrl', s3.url)
  return async () => {
    await s3.close()
    await redis?.stop()
    await pooler?.stop()
    if (server === undefined) await dropTemplate(postgresUrl, templateName)
    await server?.stop()
    plain.remove()
    if (redisUrl === undefined)
      reportMissing('REDIS', 'there is no Redis. Put redis-server on the PATH or set REDIS_URL.')
    if (!hasChromium) reportMissing('DASHBOARD', 'there is no Chromium. Put chromium on the PATH.')
    if (!hasCeph) {
      const advice = 'Install radosgw, ceph-mon and ceph-osd.'
      if (s3.url === undefined) reportMissing('S3', `there is no S3 store. ${advice} Or name a store by S3_TEST_*.`)
      else reportMissing('BROKEN S3 STORE', `there is no Ceph to break. ${advice}`)
    }
    if (pooler === undefined) reportMissing('PGBOUNCER', 'there is no PgBouncer. Put pgbouncer on the PATH.')
  }
}

async function createTemplate(postgresUrl: string): Promise<string> {
  const name = `longshore_template_${randomBytes(6).toString('hex')}`
  const sql = postgres(postgresUrl, { max: 1, onnotice: () => {} })
  await sql`CREATE DATABASE ${sql(name)}`
  const databaseUrl = Object.assign(new URL(postgresUrl), { pathname: `/${name}` }).href
  await migrate(databaseUrl)
  await makeQueues(databaseUrl)
  // A template that nobody can connect to can always be cloned, by several at once too.
  await sql`ALTER DATABASE ${sql(name)} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false`
  await sql.end()
  return name
}

/** The tables of BullMQ, which the first process on a database makes otherwise. */
async function makeQueues(databaseUrl: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, options: '-c search_path=bullmq' })
  const client = await pool.connect()
  try {
    await runMigrations(client)
  } finally {
    client.release()
    await pool.end()
  }
}

async function dropTemplate(postgresUrl: string, name: string): Promise<void> {
  const sql = postgres(postgresUrl, { max: 1, onnotice: () => {} })
  await sql`ALTER DATABASE ${sql(name)} WITH IS_TEMPLATE false`
  await sql`DROP DATABASE ${sql(name)}`
  await sql.end()
}

function reportMissing(what: string, why: string): void {
  const line = '#'.repeat(96)
  console.error(`\n${line}\n#  THE ${what} TESTS DID NOT RUN: ${why}\n${line}\n`)
  if (process.env['CI'] === 'true') process.exitCode = 1
}
