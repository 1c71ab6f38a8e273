import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export type ServerProcess = {
  pid: number
  /** Where it listens; empty for a process that says it is ready without listening. */
  url: string
  /** Asks it to end, and makes it after 10 s. Idempotent. */
  stop: () => Promise<void>
}

const startTimeoutMs = 30_000
const stopTimeoutMs = 10_000

/**
 * Starts a built script as a process of its own and waits for the JSON line on its stdout whose `msg` is `readyMessage`.
 * What it logs as an error is passed on to stderr. Rejects with the last of its output when it ends before that or
 * takes longer than 30 s.
 */
export async function startServer(
  script: string,
  env: Record<string, string>,
  readyMessage = 'listening',
  nodeOptions: readonly string[] = [],
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [...nodeOptions, script], {
    env: { ...inherited(), NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const stop = (): Promise<void> => stopProcess(child)
  try {
    const url = await readyUrl(child, script, readyMessage)
    return { pid: child.pid ?? 0, url, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What tunes a process is the same for all of them; no other setting of the shell may change what is measured. */
function inherited(): Record<string, string | undefined> {
  const isTuning = (name: string): boolean =>
    name === 'PATH' || name === 'UV_THREADPOOL_SIZE' || name.startsWith('MALLOC_')
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => isTuning(name)))
}

async function readyUrl(child: ChildProcess, script: string, readyMessage: string): Promise<string> {
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error(`${script} has no output to read`)
  const tail: string[] = []
  const keep = (line: string): void => {
    tail.push(line)
    if (tail.length > 20) tail.shift()
  }
  createInterface({ input: stderr }).on('line', keep)
  const lines = createInterface({ input: stdout })
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${script} ${why}\n${tail.join('\n')}`))
    const timer = setTimeout(() => fail(`was not ready within ${startTimeoutMs / 1000} s`), startTimeoutMs)
    child.once('error', (error) => fail(error.message))
    child.once('exit', (code, signal) => fail(`ended with ${code ?? signal} before it was ready`))
    child.once('exit', () => clearTimeout(timer))
    lines.on('line', (line) => {
      keep(line)
      const entry = parseEntry(line)
      if (entry?.['level'] === 'error' || entry?.['level'] === 'fatal') process.stderr.write(`${line}\n`)
      if (entry?.['msg'] !== readyMessage) return
      clearTimeout(timer)
      resolve(typeof entry['url'] === 'string' ? entry['url'] : '')
    })
  })
}

function parseEntry(line: string): Record<string, unknown> | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'object' && entry !== null ? { ...entry } : undefined
  } catch {
    return undefined
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await ended
  clearTimeout(timer)
}
