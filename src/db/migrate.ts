import { join } from 'node:path'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import postgres from 'postgres'
import { packageRoot } from '../package-root.ts'

/** Names the advisory lock; any number no other program on this database uses. */
const lockKey = 7_226_011_905

/**
 * Brings the database up to the newest migration in `drizzle/`, all or nothing. Doing it again changes nothing, and
 * several processes may do it at once: they take turns. Needs a direct connection, not a transaction pooler, since the
 * turn is a lock of the session. Throws what the driver or the failing migration throws.
 */
export async function migrate(databaseUrl: string, migrationsFolder = join(packageRoot(), 'drizzle')): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {}, connect_timeout: 10 })
  try {
    await sql`SELECT pg_advisory_lock(${lockKey})`
    await applyMigrations(drizzle(sql), { migrationsFolder })
  } finally {
    await sql.end({ timeout: 5 })
  }
}
