import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { inject } from 'vitest'
import { type Database, type DatabaseOptions, openDatabase } from '../../src/db/connect.ts'
import { poll } from '../../src/launch/poll.ts'

export type TestDatabase = {
  /** Leads to Postgres itself. */
  databaseUrl: string
  /** What processes on it are told. */
  env: { DATABASE_URL: string; DATABASE_DIRECT_URL?: string }
  /** Opens a pool as such a process does. The test must close it. */
  open: (options: Pick<DatabaseOptions, 'name' | 'maxConnections' | 'looksUp'>) => Database
  /** Removes the database. Fails when somebody is still connected to it 5 s later: a pool was not closed. */
  drop: () => Promise<void>
}

/**
 * A database of its own with all migrations applied, cloned from the run's template. `pooled` puts a PgBouncer in
 * transaction mode before it, and so does `npm run test:pooled` before every one.
 */
export async function createDatabase({ pooled = process.env['TEST_POOLED'] === 'true' } = {}): Promise<TestDatabase> {
  const name = `longshore_test_${randomBytes(8).toString('hex')}`
  await asAdmin((sql) => sql`CREATE DATABASE ${sql(name)} TEMPLATE ${sql(inject('templateName'))}`)
  const databaseUrl = Object.assign(new URL(inject('postgresUrl')), { pathname: `/${name}` }).href
  const pooledUrl = pooled ? behindPooler(databaseUrl) : undefined
  return {
    databaseUrl,
    env: pooledUrl ? { DATABASE_URL: pooledUrl, DATABASE_DIRECT_URL: databaseUrl } : { DATABASE_URL: databaseUrl },
    open: (options) => openDatabase(pooledUrl ?? databaseUrl, { ...options, preparesStatements: !pooledUrl }),
    drop: () => dropDatabase(name),
  }
}

export type EmptyDatabase = Pick<TestDatabase, 'databaseUrl' | 'drop'>

/** A database of its own without any migration. */
export async function createEmptyDatabase(): Promise<EmptyDatabase> {
  const name = `longshore_test_${randomBytes(8).toString('hex')}`
  await asAdmin((sql) => sql`CREATE DATABASE ${sql(name)}`)
  const databaseUrl = Object.assign(new URL(inject('postgresUrl')), { pathname: `/${name}` }).href
  return { databaseUrl, drop: () => dropDatabase(name) }
}

function behindPooler(databaseUrl: string): string {
  const poolerUrl = inject('poolerUrl')
  if (poolerUrl === undefined) throw new Error('there is no PgBouncer: use describeWithPooler')
  const { hostname, port } = new URL(poolerUrl)
  return Object.assign(new URL(databaseUrl), { hostname, port }).href
}

async function dropDatabase(name: string): Promise<void> {
  await asAdmin(async (sql) => {
    const connections = () => sql<{ name: string; query: string }[]>`
      SELECT application_name AS name, query FROM pg_stat_activity WHERE datname = ${name} AND backend_type = 'client backend'`
    await poll(async () => ((await connections()).length === 0 ? true : undefined), { everyMs: 25, deadlineMs: 5000 })
    const leaked = await connections()
    await sql`DROP DATABASE ${sql(name)} WITH (FORCE)`
    if (leaked.length > 0) {
      throw new Error(
        `${leaked.length} connections were left open: ${leaked.map((one) => one.query || one.name).join('; ')}`,
      )
    }
  })
}

async function asAdmin<T>(work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(inject('postgresUrl'), { max: 1, onnotice: () => {} })
  try {
    return await work(sql)
  } finally {
    await sql.end()
  }
}
