import { type OwnPostgres, startOwnPostgres } from '../../scripts/stack/postgres-server.ts'

export type TestPostgresServer = OwnPostgres

/** A Postgres of the test's own, which it may kill and restart. The test must `stop` it. */
export function startPostgresServer(): Promise<TestPostgresServer> {
  // Safe against a killed process, which is all that tests do; not against a machine that loses power.
  return startOwnPostgres({ fsync: 'off', full_page_writes: 'off', max_connections: '300' })
}
