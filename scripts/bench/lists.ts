import { randomInt } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { signToken } from '../../src/auth/token.ts'
import { openDatabaseServer } from './database-server.ts'
import { accountCalled, fillUploads } from './many-uploads.ts'
import { median, percentile, scratchFolder } from './measure.ts'
import { type OurStack, startOurStack } from './our-stack.ts'
import { shown } from './report.ts'
import { openSender, type Sender } from './send.ts'

export type ListsBenchmark = {
  rounds: number
  /** Few tasks: shows that everything runs, says nothing about speed. */
  brief: boolean
  /** A server on which databases may be made; undefined: an embedded one is started. */
  databaseUrl: string | undefined
  /** Where all data of the run lies; removed after it. */
  parentFolder: string | undefined
  log: (line: string) => void
}

type Subject = { name: string; isOurs: boolean; ask: (account: string) => Promise<unknown> }
type Scene = { stack: OurStack; sender: Sender; sql: postgres.Sql }

const targetP95Ms = 20
const uploads = '/api/files/upload'

const questions: [name: string, path: string][] = [
  ['list', `${uploads}/tasks`],
  ['list, page 15', `${uploads}/tasks?offset=700`],
  ['list by filename', `${uploads}/tasks?sortBy=filename&sortDescending=false`],
  ['list by filesize', `${uploads}/tasks?sortBy=filesize`],
  ['list by createdAt', `${uploads}/tasks?sortBy=createdAt&limit=200`],
  ['list by updatedAt', `${uploads}/tasks?sortBy=updatedAt`],
  ['list, Failed', `${uploads}/tasks?status=Failed`],
  ['list, Failed by filename', `${uploads}/tasks?status=Failed&sortBy=filename`],
  ['list, Completed by filesize', `${uploads}/tasks?status=Completed&sortBy=filesize`],
  ['recent', `${uploads}/tasks/recent`],
  ['stats', `${uploads}/stats`],
]

/**
 * Asks for lists and figures of uploads of one account after another, in turn with what such a request cannot be faster
 * than, and prints the times. Answers what failed, a line each. Slowness is no failure.
 */
export async function benchLists(options: ListsBenchmark, print: (text: string) => void): Promise<string[]> {
  const folder = await scratchFolder(join(options.parentFolder ?? tmpdir(), 'longshore-bench'))
  const undo: (() => unknown)[] = [() => rm(folder, { recursive: true, force: true })]
  try {
    const database = await openDatabaseServer(options)
    undo.push(database.stop)
    const stack = await startOurStack(database.databaseUrl, folder)
    undo.push(stack.stop)
    const sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} })
    undo.push(() => sql.end())
    const sender = openSender(1)
    undo.push(() => sender.close())
    const size = options.brief ? { tasks: 20_000, accounts: 20 } : { tasks: 1_000_000, accounts: 1000 }
    const startedMs = performance.now()
    await fillUploads(sql, size)
    print(
      `${size.tasks} uploads of ${size.accounts} accounts, made in ${shown((performance.now() - startedMs) / 1000, 0)} s`,
    )
    print(`Node ${process.version}, ${process.platform}, ${cpus().length} CPUs (shared by client and server)`)
    return await measure({ stack, sender, sql }, { ...size, ...options, requests: options.brief ? 20 : 200 }, print)
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

async function measure(
  scene: Scene,
  { rounds, requests, accounts }: { rounds: number; requests: number; accounts: number },
  print: (text: string) => void,
): Promise<string[]> {
  const failures: string[] = []
  const measured = subjects(scene).map((subject) => ({ subject, timesMs: new Array<number[]>() }))
  print(`${rounds} rounds in turn of ${requests} requests each, one at a time, each of another account`)
  for (let round = 0; round <= rounds; round++) {
    for (const { subject, timesMs } of measured) {
      try {
        const times = await timeEach(requests, () => subject.ask(accountCalled(randomInt(accounts))))
        // The first round warms up what is loaded on first use.
        if (round > 0) timesMs.push(times)
      } catch (error) {
        failures.push(`round ${round}, ${subject.name}: ${String(error)}`)
      }
    }
  }
  print(`\nMedians over the rounds, in ms\n${'asked'.padEnd(34)}p50      p95      target p95`)
  for (const { subject, timesMs } of measured) {
    const p50 = shown(median(timesMs.map((times) => percentile(times, 0.5))), 2)
    const p95 = shown(median(timesMs.map((times) => percentile(times, 0.95))), 2)
    const target = subject.isOurs ? `<= ${targetP95Ms}` : '(the limit)'
    print(`${subject.name.padEnd(34)}${p50.padEnd(9)}${p95.padEnd(9)}${target}`)
  }
  return failures
}

function subjects({ stack, sender, sql }: Scene): Subject[] {
  const get = async (account: string, path: string, status: number): Promise<unknown> => {
    const token = await signToken(stack.secret, { account, admin: false, expiresInSeconds: 60 })
    const headers = { authorization: `Bearer ${token}` }
    return sender.send({ method: 'GET', url: `${stack.url}${path}`, headers }, [status])
  }
  const nothing = `${uploads}/progress/${accountCalled(0)}`
  return [
    { name: 'select 1, bare', isOurs: false, ask: async () => sql`select 1` },
    // Everything that a list does but the list: HTTP, the token, one look-up that finds nothing.
    { name: 'a look-up through the API', isOurs: false, ask: (account) => get(account, nothing, 404) },
    ...questions.map(([name, path]) => ({ name, isOurs: true, ask: (account: string) => get(account, path, 200) })),
  ]
}

async function timeEach(count: number, work: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const startedMs = performance.now()
    await work()
    times.push(performance.now() - startedMs)
  }
  return times
}
