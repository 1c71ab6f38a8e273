import { ConfigError } from './config.ts'
import { systemCode } from './errors.ts'

/** Starts a process's work; answers how to stop it. */
export type Main = (env: Record<string, string | undefined>, args: readonly string[]) => Promise<() => Promise<void>>

/** A stop that takes longer than this is not worth waiting for: everything that matters is in the ledger. */
const stopWithinMs = 9500

/**
 * Runs a process's main function until SIGTERM or SIGINT, or until the parent that it was started by is gone, then
 * stops it and exits with 0. What cannot start says so on stderr, a line for each thing that is wrong, and exits with 1.
 */
export function runMain(main: Main): void {
  let stopping = false
  const started = main(process.env, process.argv.slice(2))

  const stop = (): void => {
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(1), stopWithinMs).unref()
    started
      .then((close) => close())
      .then(() => process.exit(0))
      .catch(fail)
  }
  process.on('uncaughtException', (error) => {
    if (isDroppedSocket(error) || isDriversOwn(error)) return
    process.stderr.write(`${error.stack}\n`)
    process.exit(1)
  })
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('disconnect', stop)
  started.catch(fail)
}

/** Waits for a part of a stop, but no longer: something that hangs must not cost the rest its turn. Never throws. */
export async function atMost(withinMs: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, withinMs)
  })
  await Promise.race([work.catch(() => {}), late])
  clearTimeout(timer)
}

/**
 * The Postgres driver may write once more to a connection that it has just dropped, in a timer of its own where nobody
 * can catch it. Whoever waited for that connection has been told already, so there is nothing left to fail.
 */
export function isDroppedSocket(error: Error): boolean {
  return error instanceof TypeError && /nextWrite .*postgres.*connection\.js/.test(error.stack ?? '')
}

/**
 * The same driver asks which array types there are on every new connection, and nobody can catch it when that fails: the
 * server went away just then, or is away behind a pooler. Whoever wanted the connection has been told. What we ask
 * ourselves has a frame of ours in its stack.
 */
export function isDriversOwn(error: Error): boolean {
  const frames = error.stack?.split('\n').filter((line) => line.startsWith('    at ')) ?? []
  const isConnections = error.name === 'PostgresError' || lostConnection.test(systemCode(error) ?? '')
  return isConnections && frames.every((frame) => /node:|node_modules\/postgres\/|<anonymous>/.test(frame))
}

/** As Node and the driver call what a connection was lost by. */
const lostConnection = /^(E(CONN[A-Z]+|PIPE|TIMEDOUT|HOSTUNREACH|NETUNREACH)|CONNECT[A-Z_]+)$/

function fail(error: unknown): void {
  const lines = error instanceof ConfigError ? error.problems : [error instanceof Error ? error.message : String(error)]
  for (const line of lines) process.stderr.write(`longshore: ${line}\n`)
  process.exit(1)
}
