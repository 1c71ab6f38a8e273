import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Database, openDatabase } from '../../src/db/connect.ts'
import { appendEvent } from '../../src/db/events.ts'
import { openSignals, type Signals } from '../../src/db/signals.ts'
import { insertTasks } from '../../src/db/new-tasks.ts'
import { openLog } from '../../src/log.ts'
import { coresUsed, sharesOf } from './cores.ts'
import { openDatabaseServer } from './database-server.ts'
import { percentile, scratchFolder, scriptPath } from './measure.ts'
import { type OurStack, startOurStack } from './our-stack.ts'
import { inMegabytes, shown } from './report.ts'
import { startServer } from './server-process.ts'
import { readUsage } from './usage.ts'
import { type Watcher, watch, watchBare } from './watchers.ts'

export type RealtimeBenchmark = {
  rounds: number
  /** Few clients: shows that everything runs, says nothing about speed. */
  brief: boolean
  /** A server on which databases may be made; undefined: an embedded one is started. */
  databaseUrl: string | undefined
  /** Where all data of the run lies; removed after it. */
  parentFolder: string | undefined
  log: (line: string) => void
}

type Print = (text: string) => void
/** The writer stands for another process of ours: it commits events and says so, as they all do. */
type Scene = { stack: OurStack; database: Database; signals: Signals; print: Print }
type Size = { accounts: number; perSecond: number; seconds: number; crowd: number; storm: number }

const full: Size = { accounts: 200, perSecond: 500, seconds: 8, crowd: 2000, storm: 1000 }
const small: Size = { accounts: 20, perSecond: 50, seconds: 1, crowd: 100, storm: 50 }

/**
 * Measures how long events take from their commit in one process to clients of another one, what connections cost, and how
 * long it takes to serve clients that all come back at once. Answers what failed, a line each. Slowness is no failure.
 */
export async function benchRealtime(options: RealtimeBenchmark, print: Print): Promise<string[]> {
  const folder = await scratchFolder(join(options.parentFolder ?? tmpdir(), 'longshore-bench'))
  const undo: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const server = await openDatabaseServer(options)
    undo.push(server.stop)
    const stack = await startOurStack(server.databaseUrl, folder)
    undo.push(stack.stop)
    const database = openDatabase(stack.databaseUrl, { name: 'bench', maxConnections: 8 })
    undo.push(() => database.close())
    const log = openLog('bench', { base: 'silent', scopes: {} }).root
    const signals = await openSignals({ sql: database.sql, listenUrl: stack.databaseUrl, log })
    undo.push(() => signals.close())
    print(
      `Node ${process.version}, ${process.platform}, ${cpus().length} CPUs (shared by clients, API, worker and Postgres)`,
    )
    return await measure({ stack, database, signals, print }, options)
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

async function measure(scene: Scene, { rounds, brief }: RealtimeBenchmark): Promise<string[]> {
  const size = brief ? small : full
  const failures: string[] = []
  for (const part of [crowd, delays, storm]) {
    try {
      await part(scene, size, rounds)
    } catch (error) {
      failures.push(`${part.name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return failures
}

async function delays({ stack, database, signals, print }: Scene, size: Size, rounds: number): Promise<void> {
  const accounts = Array.from({ length: size.accounts }, () => randomUUID())
  const tasks = await addTasks(database, accounts)
  const watchers = await together(accounts.map((account) => () => watch(stack, account)))
  const committed = new Map<string, number>()
  const received = new Map<string, number>()
  for (const { socket } of watchers) {
    socket.on('task.started', ({ name }: { name: string }) => received.set(name, performance.now()))
  }
  for (let round = 0; round <= rounds; round += 1) {
    received.clear()
    const count = size.perSecond * size.seconds
    const before = await coresUsed(stack)
    const startedMs = performance.now()
    const writes = Array.from({ length: count }, async (_, index) => {
      await wait(startedMs + (1000 * index) / size.perSecond - performance.now())
      const taskId = tasks[index % tasks.length] ?? ''
      const name = `${round} ${index}`
      await appendEvent(database.sql, { taskId, type: 'task.started', data: { taskId, name } })
      committed.set(name, performance.now())
      signals.send({ kind: 'events' })
    })
    await Promise.all(writes)
    await until(
      () => received.size === count,
      `${count} events`,
      () => received.size,
    )
    // The first round warms up.
    if (round === 0) continue
    const after = await coresUsed(stack)
    // Another commit's signal may bring an event before its own commit has been answered.
    const delaysMs = [...received].map(([name, atMs]) => Math.max(0, atMs - (committed.get(name) ?? atMs)))
    const [p50, p99] = [percentile(delaysMs, 0.5), percentile(delaysMs, 0.99)]
    print(
      `round ${round}  committed → received, ${size.perSecond} a second to ${size.accounts} clients: p50 ${shown(p50, 1)} ms, p99 ${shown(p99, 1)} ms (target <= 10); ${sharesOf(before, after)}`,
    )
  }
  for (const { socket } of watchers) socket.disconnect()
}

async function crowd({ stack, database, signals, print }: Scene, size: Size, rounds: number): Promise<void> {
  const account = randomUUID()
  const [taskId = ''] = await addTasks(database, [account])
  const idle = await readUsage(stack.api.pid)
  const watchers = await together(Array.from({ length: size.crowd }, () => () => watch(stack, account)))
  const crowded = await readUsage(stack.api.pid)
  const aboveIdle = idle && crowded && crowded.rssBytes - idle.rssBytes
  print(
    `${size.crowd} sockets: API RSS ${shown(inMegabytes(crowded?.rssBytes), 0)} MB, ${shown(inMegabytes(aboveIdle), 0)} MB above idle (target <= 200)`,
  )
  const bare = await startServer(scriptPath('scripts/bench/peer-socket-io.js'), {})
  try {
    const others = await together(Array.from({ length: size.crowd }, () => () => watchBare(bare.url)))
    for (let round = 1; round <= rounds; round += 1) {
      const ours = await lastOf(watchers, 'task.started', async () => {
        await appendEvent(database.sql, { taskId, type: 'task.started', data: { taskId } })
        signals.send({ kind: 'events' })
      })
      const theirs = await lastOf(others, 'task.started', async () => {
        await fetch(`${bare.url}/emit`)
      })
      print(
        `round ${round}  one event to ${size.crowd} clients of a room, the last after ${shown(ours, 0)} ms (target <= 250); bare Socket.IO emit ${shown(theirs, 0)} ms`,
      )
    }
    for (const { socket } of others) socket.disconnect()
  } finally {
    await bare.stop()
  }
  for (const { socket } of watchers) socket.disconnect()
}

async function storm({ stack, database, signals, print }: Scene, size: Size): Promise<void> {
  const accounts = Array.from({ length: size.storm }, () => randomUUID())
  const tasks = await addTasks(database, accounts)
  const watchers = await together(accounts.map((account) => () => watch(stack, account)))
  const cursors = watchers.map(({ after }) => after)
  for (const { socket } of watchers) socket.disconnect()
  for (const taskId of tasks) await appendEvent(database.sql, { taskId, type: 'task.started', data: { taskId } })
  signals.send({ kind: 'events' })
  const startedMs = performance.now()
  const back = await Promise.all(accounts.map((account, index) => watch(stack, account, cursors[index])))
  await until(
    () => back.every(({ events }) => events() === 1),
    'everybody to have what he missed',
    () => back.filter(({ events }) => events() === 1).length,
  )
  print(
    `${size.storm} clients come back at once: everybody has what he missed after ${shown((performance.now() - startedMs) / 1000, 1)} s (target <= 10)`,
  )
  for (const { socket } of back) socket.disconnect()
}

async function addTasks({ sql }: Database, accounts: readonly string[]): Promise<string[]> {
  const ids = accounts.map(() => randomUUID())
  const fields = {
    type: 'Bench',
    name: 'a task',
    status: 'Pending',
    parameters: {},
    priority: 50,
    runnable: false,
  } as const
  await insertTasks(
    sql,
    accounts.map((accountId, index) => ({ id: ids[index] ?? '', accountId, ...fields })),
  )
  return ids
}

/** How long it took from `emit` having done its work until the last of the watchers heard of it. */
async function lastOf(
  watchers: readonly Pick<Watcher, 'socket'>[],
  type: string,
  emit: () => Promise<void>,
): Promise<number> {
  let heard = 0
  let lastMs = 0
  for (const { socket } of watchers) {
    socket.once(type, () => {
      heard += 1
      lastMs = performance.now()
    })
  }
  const startedMs = performance.now()
  await emit()
  await until(
    () => heard === watchers.length,
    `${watchers.length} clients`,
    () => heard,
  )
  return lastMs - startedMs
}

/** Runs them 50 at a time: what is measured is not how fast clients can be made. */
async function together<Made>(works: readonly (() => Promise<Made>)[]): Promise<Made[]> {
  const all: Made[] = []
  for (let at = 0; at < works.length; at += 50) {
    all.push(...(await Promise.all(works.slice(at, at + 50).map((work) => work()))))
  }
  return all
}

async function until(isDone: () => boolean, what: string, soFar: () => number): Promise<void> {
  const end = performance.now() + 60_000
  while (!isDone()) {
    if (performance.now() > end) throw new Error(`waited a minute for ${what}, had ${soFar()}`)
    await wait(5)
  }
}

async function wait(durationMs: number): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, Math.max(0, durationMs))
  })
}
