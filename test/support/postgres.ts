import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { inject } from 'vitest'
import { poll } from '../../src/launch/poll.ts'

export type TestDatabase = {
  databaseUrl: string
  /** Removes the database. Fails when somebody is still connected to it 5 s later: a pool was not closed. */
  drop: () => Promise<void>
}

/** A database of its own with all migrations applied, cloned from the run's template. */
export async function createDatabase(): Promise<TestDatabase> {
  const name = `longshore_test_${randomBytes(8).toString('hex')}`
  await asAdmin((sql) => sql`CREATE DATABASE ${sql(name)} TEMPLATE ${sql(inject('templateName'))}`)
  const databaseUrl = Object.assign(new URL(inject('postgresUrl')), { pathname: `/${name}` }).href
  return { databaseUrl, drop: () => dropDatabase(name) }
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
