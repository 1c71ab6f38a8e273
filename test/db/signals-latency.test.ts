import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openSignals, type Signals } from '../../src/db/signals.ts'
import { openLog } from '../../src/log.ts'
import { packageRoot } from '../../src/package-root.ts'
import { createDatabase } from '../support/postgres.ts'

test('another process hears within milliseconds, and all of 1,000 messages a second', async ({ annotate }) => {
  const { databaseUrl, signals } = await openOnScratch()
  const listener = await spawnListener(databaseUrl)
  const idle = await listener.measure(signals, { messages: 200, perTurn: 1, turnMs: 20 })
  await annotate(`idle: p50 ${idle.p50Ms} ms, p99 ${idle.p99Ms} ms`)
  const busy = await listener.measure(signals, { messages: 3_000, perTurn: 10, turnMs: 10 })
  await annotate(`1,000 messages a second: p50 ${busy.p50Ms} ms, p99 ${busy.p99Ms} ms`)
  expect(idle.p50Ms).toBeLessThan(50)
  expect(busy.p50Ms).toBeLessThan(100)
})

async function openOnScratch(): Promise<{ databaseUrl: string; signals: Signals }> {
  const scratch = await createDatabase()
  const { databaseUrl } = scratch
  const { sql, close } = scratch.open({ name: 'test', maxConnections: 2 })
  const log = openLog('test', { base: 'silent', scopes: {} }).root
  const signals = await openSignals({ sql, listenUrl: databaseUrl, log })
  onTestFinished(async () => {
    await signals.close()
    await close()
    await scratch.drop()
  })
  return { databaseUrl, signals }
}

type Pace = { messages: number; perTurn: number; turnMs: number }
type Latency = { p50Ms: number; p99Ms: number }

/** A second process, running the built files, that says when it heard which task. */
async function spawnListener(url: string): Promise<{ measure: (signals: Signals, pace: Pace) => Promise<Latency> }> {
  const built = (file: string) => JSON.stringify(pathToFileURL(join(packageRoot(), 'dist/src', file)).href)
  const script = `
    import { openSignals } from ${built('db/signals.js')}
    import { openLog } from ${built('log.js')}
    const log = openLog('listener', { base: 'silent', scopes: {} }).root
    const signals = await openSignals({ sql: undefined, listenUrl: ${JSON.stringify(url)}, log })
    signals.on('task', ({ taskId }) => process.stdout.write(taskId + ' ' + process.hrtime.bigint() + '\\n'))
    process.stdout.write('ready\\n')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const heardAt = new Map<string, bigint>()
  const ready = new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the listener ended with ${code}`)))
    createInterface(child.stdout).on('line', (line) => {
      const [taskId = '', at] = line.split(' ')
      if (at === undefined) resolve()
      else heardAt.set(taskId, BigInt(at))
    })
  })
  await ready
  return { measure: (signals, pace) => measure(signals, heardAt, pace) }
}

async function measure(signals: Signals, heardAt: Map<string, bigint>, pace: Pace): Promise<Latency> {
  const sentAt = new Map<string, bigint>()
  const startMs = performance.now()
  while (sentAt.size < pace.messages) {
    for (let index = 0; index < pace.perTurn; index += 1) {
      const taskId = randomUUID()
      sentAt.set(taskId, process.hrtime.bigint())
      signals.send({ kind: 'task', taskId })
    }
    // Against the clock, so that late timers do not slow the pace down.
    const nextMs = startMs + (sentAt.size / pace.perTurn) * pace.turnMs
    await delay(Math.max(0, nextMs - performance.now()))
  }
  const heard = (taskId: string) => heardAt.get(taskId)
  await vi.waitFor(() => expect([...sentAt.keys()].filter((taskId) => heard(taskId) === undefined)).toEqual([]), {
    timeout: 10_000,
    interval: 50,
  })
  const latenciesMs = [...sentAt]
    .map(([taskId, at]) => Number((heard(taskId) ?? 0n) - at) / 1e6)
    .toSorted((left, right) => left - right)
  const quantile = (share: number) => Number((latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0).toFixed(1))
  return { p50Ms: quantile(0.5), p99Ms: quantile(0.99) }
}
