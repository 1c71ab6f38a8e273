import { migrate } from '../src/db/migrate.ts'
import { explain } from '../src/launch/environment.ts'
import { LaunchError } from '../src/launch/launch-error.ts'
import { requireDatabase } from '../src/launch/preflight.ts'

try {
  const databaseUrl = process.env['DATABASE_URL']
  if (!databaseUrl || !URL.canParse(databaseUrl)) {
    throw new LaunchError(
      'DATABASE_URL: must be set to the database to migrate, as postgres://user:password@host:port/name',
    )
  }
  await requireDatabase(databaseUrl)
  await migrate(databaseUrl)
  console.log('The database is up to date.')
} catch (error) {
  console.error(explain(error))
  process.exitCode = 1
}
