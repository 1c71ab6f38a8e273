import { tmpdir } from 'node:os'
import { z } from 'zod'
import type { JobBenchmark } from './job-benchmark.ts'
import { percentile } from './measure.ts'
import { shown } from './report.ts'
import { startTaskStack, type TaskStack } from './tasks-stack.ts'

const created = z.object({ taskId: z.string() })
const slots = 8

/** From the request that creates a task to the beginning of its run in another process, with nothing else to do. */
export async function benchStart(options: JobBenchmark, print: (text: string) => void): Promise<string[]> {
  const count = options.brief ? 10 : 300
  const stack = await startTaskStack({ slots, parentFolder: options.parentFolder ?? tmpdir() })
  try {
    const timesMs: number[] = []
    for (let index = -5; index < count; index++) {
      await pause(20 + Math.random() * 60)
      const askedAtMs = Date.now()
      const { taskId } = created.parse(await stack.call('POST', '/api/tasks', { type: 'BenchNoop' }))
      const beganAtMs = await until(async () => {
        const [row] = await stack.sql<{ at: number | null }[]>`
          select (results ->> 'beganAtMs')::float8 as at from tasks where id = ${taskId}`
        return row?.at ?? undefined
      })
      // The first ones warm up.
      if (index >= 0) timesMs.push(beganAtMs - askedAtMs)
    }
    print(`created to started, ${count} times on an idle system: ${quantiles(timesMs)} (target p50 <= 15)`)
    return []
  } finally {
    await stack.stop()
  }
}

/** From the request that pauses or cancels a running task to its signal in another process. */
export async function benchSignal(options: JobBenchmark, print: (text: string) => void): Promise<string[]> {
  const count = options.brief ? 8 : 400
  const stack = await startTaskStack({ slots, parentFolder: options.parentFolder ?? tmpdir(), relayed: true })
  try {
    for (const verb of ['pause', 'cancel']) {
      await measureSignals(stack, verb, 1)
      const timesMs = await measureSignals(stack, verb, count)
      print(`${verb} to signal, ${count} times: ${quantiles(timesMs)} (target p99 <= 100)`)
    }
    stack.relay.mute(true)
    for (const verb of ['pause', 'cancel']) {
      const timesMs = await measureSignals(stack, verb, count / 2)
      print(`${verb} to signal with the message lost, ${count / 2} times: ${quantiles(timesMs)} (target <= 2500)`)
    }
    return []
  } finally {
    await stack.stop()
  }
}

/** Signals `count` tasks, each a fresh one, as many at once as there are slots but one after the other by the clock. */
async function measureSignals(stack: TaskStack, verb: string, count: number): Promise<number[]> {
  const timesMs: number[] = []
  while (timesMs.length < count) {
    const size = Math.min(slots, count - timesMs.length)
    const tasks = Array.from({ length: size }, () => ({ type: 'BenchWait' }))
    const batch = z.object({ tasks: z.array(created) }).parse(await stack.call('POST', '/api/tasks/batch', { tasks }))
    const taskIds = batch.tasks.map((task) => task.taskId)
    await until(async () => {
      const rows = await stack.sql`select 1 from bench_runs where task_id = any(${taskIds}::uuid[])`
      return rows.length === size || undefined
    })
    const askedAtMs = new Map<string, number>()
    for (const taskId of taskIds) {
      await pause(5 + Math.random() * 30)
      askedAtMs.set(taskId, Date.now())
      await stack.call('POST', `/api/tasks/${taskId}/${verb}`)
    }
    const rows = await until(async () => {
      const done = await stack.sql<{ taskId: string; at: number }[]>`
        select task_id, signalled_at_ms as at from bench_runs
        where task_id = any(${taskIds}::uuid[]) and signalled_at_ms is not null`
      return done.length === size ? done : undefined
    })
    timesMs.push(...rows.map(({ taskId, at }) => at - (askedAtMs.get(taskId) ?? Number.NaN)))
  }
  return timesMs
}

function quantiles(timesMs: readonly number[]): string {
  const of = (share: number): string => shown(percentile(timesMs, share), 0)
  return `p50 ${of(0.5)} ms, p99 ${of(0.99)} ms, worst ${shown(Math.max(...timesMs), 0)} ms`
}

async function until<Answer>(ask: () => Promise<Answer | undefined>): Promise<Answer> {
  const end = performance.now() + 30_000
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > end) throw new Error('it did not happen within 30 s')
    await pause(5)
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs))
}
