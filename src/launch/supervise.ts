import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { deathCounter } from './death-counter.ts'
import type { ProcfileEntry } from './procfile.ts'
import { sendSignal } from './running-process.ts'

export type SupervisedProcess = {
  /** Sends SIGTERM, and SIGKILL after 10 s or as soon as `hurry` aborts; settles when the process is gone. */
  stop: (hurry: AbortSignal) => Promise<void>
}

export type SuperviseOptions = {
  entry: ProcfileEntry
  cwd: string
  /** Asked at each start, so that what was learnt meanwhile (the port) holds for the next one. */
  env: () => NodeJS.ProcessEnv
  onLine: (name: string, line: string) => void
  onStart: (name: string, pid: number) => void
  log: (line: string) => void
  /** Called when the process has died so often that it is not started again. */
  onGivenUp: (name: string) => void
}

const stopTimeoutMs = 10_000

/** Runs a process and starts it again 1 s after it dies, until it has died 5 times within 30 s. */
export function supervise(options: SuperviseOptions): SupervisedProcess {
  const { entry, log, onGivenUp } = options
  const died = deathCounter()
  const stopping = new AbortController()
  let running: Running | undefined
  const whole = (async () => {
    while (!stopping.signal.aborted) {
      running = run(options)
      const end = await running.ended
      if (stopping.signal.aborted) return
      if (died()) return onGivenUp(entry.name)
      log(`${entry.name} ended unexpectedly (${end}); it is started again in 1 s.`)
      await delay(1000, undefined, { signal: stopping.signal }).catch(() => {})
    }
  })()
  return {
    stop: async (hurry) => {
      stopping.abort()
      await Promise.all([running && endProcess(running, hurry), whole])
    },
  }
}

type Running = { child: ChildProcess; ended: Promise<string> }

/**
 * A group of its own keeps a terminal's Ctrl-C from reaching the process before we tell it to stop. The IPC channel is
 * how it notices that we are gone: Node gives it a `disconnect` event then.
 */
function run({ entry, cwd, env, onLine, onStart }: SuperviseOptions): Running {
  const command = entry.command === 'node' ? process.execPath : entry.command
  const child = spawn(command, entry.args, {
    cwd,
    env: { ...env(), ...entry.env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  })
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => onLine(entry.name, line))
  }
  if (child.pid !== undefined) onStart(entry.name, child.pid)
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    // Not `exit`: its last lines are worth having, and `close` comes after them.
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`))
  })
  return { child, ended }
}

async function endProcess({ child, ended }: Running, hurry: AbortSignal): Promise<void> {
  const { pid } = child
  if (pid === undefined) return
  sendSignal(pid, 'SIGTERM')
  const done = new AbortController()
  const late = delay(stopTimeoutMs, undefined, { signal: AbortSignal.any([hurry, done.signal]) }).catch(() => {})
  void late.then(() => {
    if (!done.signal.aborted) sendSignal(-pid, 'SIGKILL')
  })
  await ended
  done.abort()
}
