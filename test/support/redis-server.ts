import { type OwnRedis, startOwnRedis } from '../../scripts/stack/redis-server.ts'

export type TestRedisServer = OwnRedis

/** A Redis of the test's own, which it may flush and kill. Fails where there is no redis-server. The test must `stop` it. */
export function startRedisServer(): Promise<TestRedisServer> {
  return startOwnRedis()
}
