import type { Client } from './client.ts'
import { startsSince, untilAtRest } from './ledger.ts'
import type { Finding, Scene } from './scene.ts'
import { pause, until } from './wait.ts'

const limitMs = 5000
/** So many tasks of priority 100 are kept waiting all the time: more than are admitted to the queue at once. */
const floodDepth = 800

/** Keeps work of the highest priority waiting without end, and times how soon single tasks of priority 0 start. */
export async function runUnderFlood(scene: Scene, probes: number): Promise<Finding> {
  const { stack, random, say, newClient } = scene
  say(`${probes} tasks of priority 0, one after the other, under a flood of priority 100`)
  const over = new AbortController()
  const [flooding, low] = await Promise.all([newClient(), newClient()])
  const flood = keepFlooding(scene, flooding, over.signal)
  // Its failure is met where it is awaited.
  flood.catch(() => {})
  const times: number[] = []
  let shallowest = Number.POSITIVE_INFINITY
  try {
    await until(async () => ((await countWaiting(scene)) >= floodDepth / 2 ? true : undefined), {
      withinMs: 30_000,
      signal: scene.signal,
      missing: () => 'the flood had not risen',
    })
    while (times.length < probes) {
      await pause(random.whole(0, 400), scene.signal)
      shallowest = Math.min(shallowest, await countWaiting(scene))
      times.push(await timeStart(scene, low))
    }
  } finally {
    over.abort()
    await flood
  }
  await untilAtRest({ stack, signal: scene.signal })
  const worstMs = Math.max(...times)
  return {
    promise: 'a task of priority 0 under an endless flood of priority 100 starts',
    target: `worst of ${probes} <= 5 s`,
    measured: `worst ${worstMs} ms, with at least ${shallowest} of priority 100 waiting`,
    held: worstMs <= limitMs && shallowest > 0,
  }
}

async function keepFlooding(scene: Scene, client: Client, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const missing = floodDepth - (await countWaiting(scene))
    if (missing >= 100) await client.create(Array.from({ length: missing }, () => ({ workMs: 10, priority: 100 })))
    else await pause(20, scene.signal)
  }
}

async function timeStart({ stack, signal }: Scene, client: Client): Promise<number> {
  const since = new Date()
  const [taskId = ''] = await client.create([{ workMs: 0, priority: 0 }])
  const startedAt = await until(async () => (await startsSince(stack.sql, [taskId], since)).get(taskId), {
    withinMs: 30_000,
    signal,
    missing: () => 'a task of priority 0 had not started',
  })
  return startedAt.getTime() - since.getTime()
}

async function countWaiting({ stack }: Scene): Promise<number> {
  const [row] = await stack.sql<[{ count: number }]>`
    select count(*)::int as count from tasks where band = 'high' and runnable and lease_expires_at is null`
  return row.count
}
