import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseLine } from './log-line.ts'

export type NodeProcess = {
  pid: number
  /** Where it listens; empty for a process that says it is ready without listening. */
  url: string
  kill: (signal: NodeJS.Signals) => void
  /** Settles when it has ended, with its exit code or the signal that ended it. */
  exited: Promise<string>
}

export type NodeProcessOptions = {
  script: string
  args?: readonly string[]
  env: Record<string, string>
  /** The `msg` of the JSON line on its stdout that says that it serves. */
  readyMessage: string
  /** Everything it writes is added to this file. */
  logFile: string
  /** Ends the process when it fires before it is ready. */
  signal?: AbortSignal | undefined
}

const startTimeoutMs = 30_000

/**
 * Starts a built script as a process of its own and waits until it serves. It ends by itself when this process is gone.
 * Rejects with the last of its output when it ends before it serves, or does not within 30 s.
 */
export async function startNodeProcess(options: NodeProcessOptions): Promise<NodeProcess> {
  options.signal?.throwIfAborted()
  const child = spawn(process.execPath, [options.script, ...(options.args ?? [])], {
    env: { ...inherited(), NODE_ENV: 'production', ...options.env },
    // With the channel it notices that we are gone, however we ended.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // A group of its own: Ctrl-C in a terminal is for us, and we end it in order.
    detached: true,
  })
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  try {
    const url = await readyUrl(child, exited, options)
    return { pid: child.pid ?? 0, url, kill: (signal) => void child.kill(signal), exited }
  } catch (error) {
    child.kill('SIGKILL')
    await exited
    throw error
  }
}

/** No setting of the shell may change what the process does. */
function inherited(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => name === 'PATH' || name === 'TMPDIR'))
}

async function readyUrl(child: ChildProcess, exited: Promise<string>, options: NodeProcessOptions): Promise<string> {
  const { script, readyMessage, logFile, signal } = options
  const log = createWriteStream(logFile, { flags: 'a' })
  void exited.then(() => log.end())
  const tail: string[] = []
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${script} ${why}\n${tail.join('\n')}`))
    const timer = setTimeout(() => fail(`was not ready within ${startTimeoutMs / 1000} s`), startTimeoutMs)
    const onAbort = (): void => fail('was not wanted any more')
    signal?.addEventListener('abort', onAbort)
    const settle = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    void exited.then((how) => {
      settle()
      fail(`ended with ${how} before it was ready`)
    })
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue
      createInterface({ input: stream }).on('line', (line) => {
        if (!log.writableEnded) log.write(`${line}\n`)
        tail.push(line)
        if (tail.length > 20) tail.shift()
        const entry = parseLine(line)
        if (entry?.['msg'] !== readyMessage) return
        settle()
        resolve(typeof entry['url'] === 'string' ? entry['url'] : '')
      })
    }
  })
}
