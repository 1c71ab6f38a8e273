import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { packageRoot } from '../../src/package-root.ts'
import { atEndOfEachFile } from './end-of-file.ts'

export type LogLine = Record<string, unknown>
export type Exit = { code: number | null; signal: NodeJS.Signals | null }

export type TestProcess = {
  pid: number
  /** What it wrote to stdout as JSON, a line each. */
  logs: LogLine[]
  /** Everything it wrote, to stdout and stderr. */
  output: () => string
  /** The first log line, past or still to come, that the predicate accepts. Fails after the deadline or when it ends. */
  waitForLog: (predicate: (line: LogLine) => boolean, deadlineMs?: number) => Promise<LogLine>
  /** The same for a piece of text in its output. */
  waitForText: (text: string, deadlineMs?: number) => Promise<void>
  /** Sends a message over the channel, to a module that was loaded to answer it, and resolves with what comes back. */
  ask: (question: string) => Promise<Record<string, unknown>>
  kill: (signal?: NodeJS.Signals) => void
  exited: Promise<Exit>
}

export type ProcessOptions = {
  /** A file below dist/, or an absolute path. */
  file: string
  args?: string[]
  /** Added to this process's environment, less its settings of Longshore; undefined takes a variable away. */
  env?: Record<string, string | undefined>
  cwd?: string
  uid?: number
  gid?: number
}

const alive = new Set<ChildProcess>()

atEndOfEachFile(async () => {
  const ends = [...alive].map((child) => new Promise((resolve) => child.once('exit', resolve)))
  for (const child of alive) child.kill('SIGKILL')
  await Promise.all(ends)
})

const settings =
  /^(PORT|HOST|DATA_DIR|DATABASE_|REDIS_URL|AUTH_|QUEUE_|OTEL_|STORAGE_|UPLOAD_|LOG_LEVEL|NODE_OPTIONS|VITEST|NODE_ENV|TEST)/

/** Starts a built file as a real process with plain `node`. It is killed at the end of the test file at the latest. */
export function startProcess({ file, args = [], env = {}, ...options }: ProcessOptions): TestProcess {
  const inherited = Object.entries(process.env).filter(([name]) => !settings.test(name))
  const child = spawn(
    process.execPath,
    [join(file.startsWith('/') ? '' : join(packageRoot(), 'dist'), file), ...args],
    {
      cwd: packageRoot(),
      ...options,
      env: { ...Object.fromEntries(inherited), ...env },
      // With the channel, a process can notice that the test run was killed.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    },
  )
  alive.add(child)
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => alive.delete(child))
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  exited.catch(() => {})
  const { logs, lines, onLine } = collect(child)
  const waitForLine = (accepts: () => boolean, deadlineMs: number, wanted: string) =>
    waitFor(accepts, onLine, exited, deadlineMs, () => `${wanted} did not come from ${file}:\n${lines.join('\n')}`)
  return {
    pid: child.pid ?? 0,
    logs,
    output: () => lines.join('\n'),
    waitForLog: async (predicate, deadlineMs = 10_000) => {
      await waitForLine(() => logs.some(predicate), deadlineMs, `the log line ${predicate}`)
      return logs.find(predicate) ?? {}
    },
    waitForText: (text, deadlineMs = 10_000) =>
      waitForLine(() => lines.some((line) => line.includes(text)), deadlineMs, `"${text}"`),
    ask: (question) =>
      new Promise((resolve, reject) => {
        child.once('message', (answer) => resolve({ ...(typeof answer === 'object' ? answer : {}) }))
        child.send(question, (error) => error && reject(error))
      }),
    kill: (signal = 'SIGTERM') => void child.kill(signal),
    exited,
  }
}

function collect(child: ChildProcess) {
  const logs: LogLine[] = []
  const lines: string[] = []
  const listeners = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      const entry = parseLine(line)
      if (entry) logs.push(entry)
      for (const listener of listeners) listener()
    })
  }
  const onLine = (listener: () => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
  return { logs, lines, onLine }
}

function parseLine(line: string): LogLine | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'object' && entry !== null ? { ...entry } : undefined
  } catch {
    return undefined
  }
}

async function waitFor(
  accepts: () => boolean,
  onLine: (listener: () => void) => () => void,
  exited: Promise<Exit>,
  deadlineMs: number,
  complaint: () => string,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (ended?: string) => {
      if (!accepts() && ended === undefined) return
      clearTimeout(timer)
      forget()
      if (accepts()) resolve()
      else reject(new Error(`${ended}: ${complaint()}`))
    }
    const timer = setTimeout(() => settle(`after ${deadlineMs} ms`), deadlineMs)
    const forget = onLine(() => settle())
    void exited.then(({ code, signal }) => settle(`it ended (${signal ?? code})`))
    settle()
  })
}
