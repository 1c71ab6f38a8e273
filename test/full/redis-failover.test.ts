import { randomUUID } from 'node:crypto'
import { it, onTestFinished } from 'vitest'
import { type Job, openEngine } from '../../src/queue/engine.ts'
import { silent } from '../support/ledger.ts'
import { describeWithRedis } from '../support/redis.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisSentinels } from '../support/redis-sentinel.ts'
import { until } from '../support/system.ts'

const downAfterMs = 1500
/** How long after the new master is there everybody must have found it, at the latest. */
const foundWithinMs = 15_000

/** The ways of a master to go: it ends, or it keeps its connections and answers nobody. */
const signals = ['SIGKILL', 'SIGSTOP'] as const

describeWithRedis('an engine goes on with the replica', { timeout: 120_000 }, () => {
  it('when masters of its cluster are killed or hang', async () => {
    const cluster = await startRedisCluster({ downAfterMs })
    onTestFinished(() => cluster.stop())
    for (const signal of signals) {
      // Two names that lie with different masters.
      const prefix = signal === 'SIGKILL' ? 'a' : 'b'
      await expectToGoOn(cluster.redisUrl, prefix, async () => {
        const master = await cluster.signalMasterOf(`{${prefix}}`, signal)
        await cluster.untilTakenOver(`{${prefix}}`, master)
      })
    }
  })

  it.each(signals)('when the master behind its Sentinels gets a %s', async (signal) => {
    const sentinels = await startRedisSentinels({ downAfterMs })
    onTestFinished(() => sentinels.stop())
    await expectToGoOn(sentinels.redisUrl, 'a', async () => {
      await sentinels.signalMaster(signal)
      await sentinels.untilFailedOver()
    })
  })
})

async function expectToGoOn(redisUrl: string, prefix: string, failOver: () => Promise<void>): Promise<void> {
  const engine = await openEngine({ redisUrl, databaseDirectUrl: '', queuePrefix: prefix }, silent)
  const taken: string[] = []
  const consumer = await engine.consume('normal', 2, async ({ taskId }) => void taken.push(taskId))
  const job = (): Job => ({ taskId: randomUUID(), dispatch: 1, band: 'normal', rank: 1 })
  const untilTaken = async (one: Job) => {
    let { dispatch } = one
    await until(async () => {
      if (taken.includes(one.taskId)) return true
      // As the sweep does: what the engine lost, or gave to a connection that broke, is given to it again.
      const [place] = await engine.find([{ ...one, dispatch }]).catch(() => ['waiting'])
      if (place === 'taken') dispatch++
      if (place !== 'waiting') await engine.add([{ ...one, dispatch }]).catch(() => {})
      return undefined
    }, foundWithinMs)
  }
  await untilTaken(job())
  const failedOver = failOver()
  const during = job()
  await engine.add([during]).catch(() => {})
  await failedOver
  await untilTaken(job())
  await untilTaken(during)
  await until(async () => (await engine.counts()).normal.waiting === 0 || undefined)
  await Promise.all([consumer.close(), engine.close()])
}
