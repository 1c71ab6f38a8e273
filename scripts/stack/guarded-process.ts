import { type ChildProcess, spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { sendSignal } from '../../src/launch/running-process.ts'

export type GuardedProcess = {
  pid: number
  hasEnded: () => boolean
  kill: (signal: NodeJS.Signals) => void
  /** Sends a signal and waits until it has ended; does nothing when it has. One that does not listen is killed after 10 s. */
  end: (signal: NodeJS.Signals) => Promise<void>
}

export type Command = {
  file: string
  args: readonly string[]
  /** The whole of its environment; the one of this process when left out. */
  env?: Record<string, string>
  cwd?: string
}

const patienceMs = 10_000

/**
 * Starts a program that ends when this process is gone, however that came about. Its output is added to `logFile`. Fails
 * when it cannot be started; an ENOENT among the failures says that there is no such program.
 */
export async function startGuarded(command: Command, logFile = '/dev/null'): Promise<GuardedProcess> {
  const log = await open(logFile, 'a', 0o600)
  try {
    const { file, args, ...options } = command
    // A group of its own: Ctrl-C in a terminal is for us, and we end it in order.
    const child = spawn(file, args, { ...options, stdio: ['ignore', log.fd, log.fd], detached: true })
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve)
      child.once('error', reject)
    })
    return guarded(child)
  } finally {
    await log.close()
  }
}

function guarded(child: ChildProcess): GuardedProcess {
  const pid = child.pid ?? 0
  let hasEnded = false
  const letGo = guard(pid)
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => {
      hasEnded = true
      letGo()
      resolve()
    })
  })
  const kill = (signal: NodeJS.Signals): void => void child.kill(signal)
  return {
    pid,
    hasEnded: () => hasEnded,
    kill,
    end: async (signal) => {
      if (!hasEnded) kill(signal)
      const timer = setTimeout(() => kill('SIGKILL'), patienceMs)
      await exited
      clearTimeout(timer)
    },
  }
}

/** Ends a process when this one is gone without having done so: a shell waits on a pipe that only we hold open. */
function guard(pid: number): () => void {
  const script = 'cat >/dev/null; kill -KILL "$1"'
  const shell = spawn('/bin/sh', ['-c', script, 'longshore-guard', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  shell.on('error', () => {})
  shell.unref()
  return () => {
    if (shell.pid !== undefined) sendSignal(-shell.pid, 'SIGKILL')
  }
}
