import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { requireRedis } from '../../src/launch/preflight.ts'
import { describeWithRedis, sharedRedis } from '../support/redis.ts'
import { startRedisCluster, type TestRedisCluster } from '../support/redis-cluster.ts'
import { startRedisSentinels, type TestSentinels } from '../support/redis-sentinel.ts'
import { freePorts, makeFolder, type RedisProcess, removeFolder } from '../support/redis-server.ts'
import { startRedisNode } from '../support/redis-node.ts'

describeWithRedis('the look at Redis before the start', () => {
  let cluster: TestRedisCluster
  let sentinels: TestSentinels
  let lonely: RedisProcess
  let folder: string
  let deadPort: number

  beforeAll(async () => {
    folder = await makeFolder()
    const [lonelyPort = 0, busPort = 0, dead = 0] = await freePorts(3)
    deadPort = dead
    const settings = { 'cluster-enabled': 'yes', 'cluster-port': busPort }
    ;[cluster, sentinels, lonely] = await Promise.all([
      startRedisCluster(),
      startRedisSentinels(),
      startRedisNode({ port: lonelyPort, folder, settings }),
    ])
    const redis = new Redis(lonely.port)
    await redis.config('SET', 'requirepass', 'opensesame')
    redis.disconnect()
  })
  afterAll(async () => {
    await Promise.all([cluster.stop(), sentinels.stop(), lonely.end('SIGKILL')])
    await removeFolder(folder)
  })

  const complaint = (redisUrl: string): Promise<string> =>
    requireRedis(redisUrl).then(
      () => 'none',
      (error: unknown) => String(error instanceof Error ? error.message : error),
    )

  it('is content with a server, a cluster of which one node is named, and a master behind Sentinels', async () => {
    const [, firstNode] = /^(redis\+cluster:\/\/[\d.]+:\d+),/.exec(cluster.redisUrl) ?? []
    for (const url of [sharedRedis().redisUrl, String(firstNode), sentinels.redisUrl]) {
      expect(await complaint(url)).toBe('none')
    }
  })

  it.each([
    ['redis://me:hunter2@', '', '', 'connection refused'],
    ['redis+cluster://me:hunter2@', '', '', 'no connection'],
    [
      'redis+sentinel://me:hunter2@',
      '/themaster',
      '?sentinelPassword=hunter2',
      'no Sentinel names a master of that name',
    ],
  ])('says that nobody answers, and shows no password: %s', async (scheme, path, options, reason) => {
    const said = await complaint(`${scheme}127.0.0.1:${deadPort}${path}${options}`)
    expect(said).toContain(`REDIS_URL: Redis at 127.0.0.1:${deadPort}${path} cannot be reached (${reason}).`)
    expect(said).not.toContain('hunter2')
    expect(said.split('\n')).toHaveLength(1)
  })

  it('says what a server does not know, and shows no password', async () => {
    const place = `127.0.0.1:${lonely.port}`
    for (const scheme of ['redis', 'redis+cluster']) {
      const said = await complaint(`${scheme}://:hunter2@${place}`)
      expect(said).toMatch(/^REDIS_URL: Redis at .* cannot be reached \(WRONGPASS [^)]*\)/)
      expect(said).not.toContain('hunter2')
    }
    const another = sentinels.redisUrl.replace('themaster', 'another')
    expect(await complaint(another)).toContain('/another cannot be reached (ERR No such master with that name)')
  })

  it('tells a node of a cluster from a server, and a server from a cluster', async () => {
    const node = cluster.redisUrl.replace('redis+cluster', 'redis').split(',')[0] ?? ''
    expect(await complaint(node)).toContain(
      'cannot be reached (it is a node of a Redis Cluster, for which write redis+cluster://',
    )
    const server = sharedRedis().redisUrl.replace('redis:', 'redis+cluster:')
    expect(await complaint(server)).toContain('cluster support disabled')
  })

  it('tells when a cluster answers that is not in order', async () => {
    const url = `redis+cluster://:opensesame@127.0.0.1:${lonely.port}`
    expect(await complaint(url)).toContain('cannot be reached (it is not in order)')
  })
})
