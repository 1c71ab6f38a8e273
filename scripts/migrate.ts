import { migrate } from '../src/db/migrate.ts'
import { explain } from '../src/launch/environment.ts'
import { LaunchError } from '../src/launch/launch-error.ts'
import { requireDatabase } from '../src/launch/preflight.ts'

try {
  // A migration holds a lock of its session, so it goes past a transaction pooler.
  const setting = process.env['DATABASE_DIRECT_URL'] ? 'DATABASE_DIRECT_URL' : 'DATABASE_URL'
  const databaseUrl = process.env[setting]
  if (!databaseUrl || !URL.canParse(databaseUrl)) {
    throw new LaunchError(
      `${setting}: must be set to the database to migrate, as postgres://user:password@host:port/name`,
    )
  }
  await requireDatabase(setting, databaseUrl)
  await migrate(databaseUrl)
  console.log('The database is up to date.')
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
}
