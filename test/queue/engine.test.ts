import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openLog } from '../../src/log.ts'
import { openEngine } from '../../src/queue/engine.ts'
import { engineContract } from '../support/engine-contract.ts'
import { describeOnAllEngines } from '../support/engine-places.ts'
import { openLedger, silent } from '../support/ledger.ts'
import { describeWithRedis } from '../support/redis.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { until } from '../support/system.ts'

describeOnAllEngines('the engine', engineContract)

describe('the engine on Postgres', () => {
  it('leaves nothing behind on its connections when bands are taken and left again and again', async () => {
    const ledger = await openLedger()
    const databaseDirectUrl = ledger.databaseUrl
    const engine = await openEngine({ redisUrl: undefined, databaseDirectUrl, queuePrefix: 'test' }, silent)
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    for (let round = 0; round < 12; round++) await (await engine.consume('low', 1, async () => {})).close()
    // A warning is told in a tick of its own.
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', note)
    await engine.close()
    await ledger.close()
    expect(warnings.map(String)).toEqual([])
  })
})

describeWithRedis('an engine whose Redis refuses the password', () => {
  it.each(['redis', 'redis+cluster', 'redis+sentinel'])('says so, and does not show it: %s', async (scheme) => {
    const server = await startRedisServer()
    onTestFinished(() => server.stop())
    const redis = new Redis(server.redisUrl)
    await redis.config('SET', 'requirepass', 'opensesame')
    redis.disconnect()
    const lines: string[] = []
    const { root } = openLog('test', { base: 'trace', scopes: {} }, { write: (line) => void lines.push(line) })
    const host = server.redisUrl.replace('redis://', '')
    const suffix = scheme === 'redis+sentinel' ? '/m?sentinelPassword=hunter2' : ''
    const redisUrl = `${scheme}://:hunter2@${host}${suffix}`
    const engine = await openEngine({ redisUrl, databaseDirectUrl: '', queuePrefix: 'test' }, root)
    await until(async () => lines.some((line) => line.includes('redis is out of reach')) || undefined)
    await engine.close()
    expect(lines.join('\n')).toMatch(/WRONGPASS|sentinels are unreachable/)
    expect(lines.join('\n')).not.toContain('hunter2')
  })
})
