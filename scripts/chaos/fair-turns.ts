import { startsSince, untilAtRest } from './ledger.ts'
import type { Finding, Scene } from './scene.ts'
import { until } from './wait.ts'

const limit = 100
const batchSize = 1000

/** Puts one task of an account behind very many of another, and counts how many of those still start before it. */
export async function queueBehind(scene: Scene, ahead: number): Promise<Finding> {
  const { stack, signal, say, newClient } = scene
  say(`1 task of one account behind ${ahead} of another`)
  const [many, single] = await Promise.all([newClient(), newClient()])
  await many.changeBand('normal', 'pause')
  const others: string[] = []
  while (others.length < ahead) {
    const count = Math.min(batchSize, ahead - others.length)
    others.push(...(await many.create(Array.from({ length: count }, () => ({ workMs: 0, priority: 50 })))))
  }
  const resumedAt = new Date()
  await many.changeBand('normal', 'resume')
  await until(async () => ((await countStarts(scene, resumedAt)) >= 20 ? true : undefined), {
    withinMs: 30_000,
    signal,
    missing: () => 'the many tasks had not begun to run',
  })
  const [taskId = ''] = await single.create([{ workMs: 0, priority: 50 }])
  await until(async () => (await startsSince(stack.sql, [taskId], resumedAt)).get(taskId), {
    withinMs: 60_000,
    signal,
    missing: () => 'the one task had not started',
  })
  const overtaken = await countFurther(scene, taskId)
  await untilAtRest(scene)
  return {
    promise: `1 task of account B behind ${ahead} of account A, same priority`,
    target: `before A’s ${limit}th further task`,
    measured: `${overtaken} further tasks of A started before it`,
    held: overtaken < limit,
  }
}

async function countStarts({ stack }: Scene, since: Date): Promise<number> {
  const [row] = await stack.sql<[{ count: number }]>`
    select count(*)::int as count from task_events where type = 'task.started' and created_at > ${since}`
  return row.count
}

/** Starts of others between the creation of a task and its own start. */
async function countFurther({ stack }: Scene, taskId: string): Promise<number> {
  const [row] = await stack.sql<[{ count: number }]>`
    select count(*)::int as count from task_events
    where type = 'task.started' and task_id <> ${taskId}
      and created_at > (select created_at from task_events where task_id = ${taskId} and seq = 1)
      and created_at < (select min(created_at) from task_events where task_id = ${taskId} and type = 'task.started')`
  return row.count
}
