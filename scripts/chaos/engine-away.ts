import { percentile } from '../bench/measure.ts'
import { untilAtRest } from './ledger.ts'
import type { Finding, Scene } from './scene.ts'

/** What a request takes at most that waits for nothing. */
const answerLimitMs = 1000
const promise = 'the API creates tasks without Redis and they run when it is back'
const target = `all 201, each <= ${answerLimitMs} ms`

/** Creates tasks while Redis is stopped, and once more while it hangs; they must be answered as ever and run afterwards. */
export async function createWithoutRedis(scene: Scene, requests: number): Promise<Finding> {
  const { redis } = scene.stack
  if (redis === undefined) return { promise, target, measured: 'there is no Redis to stop', held: undefined }
  scene.say(`creating tasks with Redis stopped, and with Redis frozen: ${requests} each`)
  const before = await createSome(scene, requests)
  await redis.kill9()
  const stopped = await createSome(scene, requests)
  await redis.start()
  const stoppedMs = await timeRest(scene)
  redis.freeze()
  const frozen = await createSome(scene, requests).finally(() => redis.thaw())
  const frozenMs = await timeRest(scene)
  const without = [...stopped, ...frozen]
  const slowestMs = Math.max(...without)
  const seconds = (Math.max(stoppedMs, frozenMs) / 1000).toFixed(1)
  return {
    promise,
    target,
    measured:
      `${without.length} of ${without.length} answered 201, median ${percentile(without, 0.5).toFixed(0)} ms` +
      ` (before: ${percentile(before, 0.5).toFixed(0)} ms), slowest ${slowestMs.toFixed(0)} ms;` +
      ` all done ${seconds} s after it was back`,
    held: slowestMs <= answerLimitMs,
  }
}

async function createSome({ newClient }: Scene, count: number): Promise<number[]> {
  const client = await newClient()
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    times.push((await client.createAtOnce({ workMs: 0, priority: index % 101 })).tookMs)
  }
  return times
}

async function timeRest(scene: Scene): Promise<number> {
  const startedMs = performance.now()
  await untilAtRest(scene)
  return performance.now() - startedMs
}
