import type { Client } from './client.ts'
import { startsSince, untilAtRest } from './ledger.ts'
import type { Finding, Scene } from './scene.ts'
import { pause, until } from './wait.ts'

const limitMs = 5000
/** Long enough that a worker can be killed in the middle of a task. */
const workMs = 1500

/** Kills one worker after the other while it has tasks, and times until they run again. */
export async function killWorkers(scene: Scene, kills: number): Promise<Finding> {
  const client = await scene.newClient()
  const times: number[] = []
  while (times.length < kills) {
    const slowest = await killOne(scene, client, times.length)
    if (slowest === undefined) continue
    times.push(slowest)
    scene.say(`worker kill ${times.length} of ${kills}: its tasks ran again after ${slowest} ms at most`)
  }
  await untilAtRest(scene)
  const worstMs = Math.max(...times)
  const middleMs = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0
  return {
    promise: 'a killed worker’s task runs again elsewhere',
    target: `worst of ${kills} <= 5 s`,
    measured: `worst ${(worstMs / 1000).toFixed(2)} s, median ${(middleMs / 1000).toFixed(2)} s`,
    held: worstMs <= limitMs,
  }
}

/** Answers after how many milliseconds the last of its tasks ran again; undefined when it had none when it died. */
async function killOne(scene: Scene, client: Client, turn: number): Promise<number | undefined> {
  const { stack, random, signal } = scene
  const victim = stack.workers[turn % stack.workers.length]
  if (victim === undefined) return undefined
  const priorities = [10, 20, 50, 55, 80, 90]
  await client.create(priorities.map((priority) => ({ workMs, priority })))
  await until(async () => ((await heldBy(scene, victim.pid())).length > 0 ? true : undefined), {
    withinMs: 20_000,
    signal,
    missing: () => `${victim.name} had taken no task`,
  })
  await pause(random.whole(0, 600), signal)
  const pid = victim.pid()
  const killedAt = new Date()
  await victim.kill9()
  const orphans = await heldBy(scene, pid)
  // The other worker and the new one take over, whoever comes first.
  const [slowest] = await Promise.all([untilRunningAgain(scene, orphans, killedAt), victim.start()])
  return slowest
}

async function untilRunningAgain(scene: Scene, orphans: string[], since: Date): Promise<number | undefined> {
  if (orphans.length === 0) return undefined
  let starts = new Map<string, Date>()
  await until(
    async () => {
      starts = await startsSince(scene.stack.sql, orphans, since)
      return starts.size === orphans.length ? true : undefined
    },
    {
      withinMs: 30_000,
      signal: scene.signal,
      missing: () => `${orphans.length - starts.size} of ${orphans.length} tasks of a killed worker ran nowhere again`,
    },
  )
  return Math.max(...[...starts.values()].map((startedAt) => startedAt.getTime() - since.getTime()))
}

/** The tasks whose claim a worker process holds. Its id in the ledger is its machine, its process and a random part. */
async function heldBy({ stack }: Scene, pid: number): Promise<string[]> {
  const rows = await stack.sql<{ id: string }[]>`
    select id from tasks where lease_expires_at is not null and split_part(reverse(claimed_by), '-', 2) = reverse(${String(pid)})`
  return rows.map((row) => row.id)
}
