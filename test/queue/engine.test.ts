import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { openEngine } from '../../src/queue/engine.ts'
import { engineContract, type EnginePlace } from '../support/engine-contract.ts'
import { openLedger, silent } from '../support/ledger.ts'
import { describeWithRedis, sharedRedis } from '../support/redis.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisSentinels } from '../support/redis-sentinel.ts'

describe('the engine on Postgres', () => {
  engineContract('postgres', async () => ({
    redisUrl: undefined,
    prefix: 'test',
    forget: async ({ sql }) => {
      const tables = await sql<{ name: string }[]>`
        select table_name as name from information_schema.tables where table_schema = 'bullmq' and table_name like '%job%'`
      for (const { name } of tables) await sql`truncate table ${sql(`bullmq.${name}`)} cascade`
    },
    close: async () => {},
  }))

  it('may take and leave bands as often as it likes', async () => {
    const ledger = await openLedger()
    const engine = await openEngine({ redisUrl: undefined, databaseUrl: ledger.databaseUrl, prefix: 'test' }, silent)
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    for (let round = 0; round < 12; round++) await (await engine.consume('low', 1, async () => {})).close()
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', note)
    await engine.close()
    await ledger.close()
    expect(warnings.map(String)).toEqual([])
  })
})

describeWithRedis('the engine on Redis', () => {
  engineContract('redis', async () => {
    const { redisUrl, prefix } = sharedRedis()
    return { redisUrl, prefix, forget: () => removeKeys(redisUrl, prefix), close: async () => {} }
  })
})

describeWithRedis('the engine on a Redis Cluster of six nodes', () => {
  engineContract('redis', async () => placeOn(await startRedisCluster()))
})

describeWithRedis('the engine on Redis behind Sentinels', () => {
  engineContract('redis', async () => placeOn(await startRedisSentinels()))
})

function placeOn(redis: { redisUrl: string; flush: () => Promise<void>; stop: () => Promise<void> }): EnginePlace {
  return { redisUrl: redis.redisUrl, prefix: 'test', forget: () => redis.flush(), close: () => redis.stop() }
}

async function removeKeys(redisUrl: string, prefix: string): Promise<void> {
  const redis = new Redis(redisUrl)
  const keys = await redis.keys(`{${prefix}}*`)
  await redis.del(...keys)
  redis.disconnect()
}
