import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { packageRoot } from '../../src/package-root.ts'

export type CommandResult = { code: number | null; stdout: string; stderr: string }
export type CommandOptions = {
  input?: string | Buffer
  env?: Record<string, string>
  cwd?: string
  /** Presses Ctrl-C as soon as this resolves. */
  interrupt?: Promise<unknown>
  /** Gives it a terminal; what it writes all comes as stdout then. */
  terminal?: boolean
}

export const commandPath = join(packageRoot(), 'dist/src/cli/main.js')

/** Runs the built command in a home of its own, and waits for its end. */
export async function runLongshore(
  home: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const line = [process.execPath, commandPath, ...args]
  const quoted = line.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  const [file = '', ...rest] = options.terminal === true ? ['script', '-qec', quoted, '/dev/null'] : line
  const child = spawn(file, rest, {
    cwd: options.cwd ?? home,
    env: { PATH: process.env['PATH'], HOME: home, TERM: 'xterm', COLUMNS: '120', ...options.env },
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  void options.interrupt?.then(() => child.kill('SIGINT'))
  const [[code], stdout, stderr] = await Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)])
  return { code: typeof code === 'number' ? code : null, stdout, stderr }
}
