import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/**
 * The command line of a running process, or undefined when there is none with that id. A process that has ended but was
 * not yet collected by its parent counts as gone.
 */
export async function commandLineOf(pid: number): Promise<string | undefined> {
  const line = process.platform === 'linux' ? await fromProc(pid) : await fromPs(pid)
  return line === '' ? undefined : line
}

async function fromProc(pid: number): Promise<string> {
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
  return words.split('\0').join(' ').trim()
}

async function fromPs(pid: number): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }))
  return stdout.trim()
}

/** Sends a signal; a process that is already gone is not an error. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone already, which is what a signal is sent for.
  }
}
