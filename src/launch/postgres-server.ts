import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { LaunchError } from './launch-error.ts'
import { poll } from './poll.ts'
import type { PostgresPlace } from './postgres-place.ts'
import { commandLineOf, sendSignal } from './running-process.ts'

export type PostgresServer = {
  port: number
  pid: number
  /** Settles when the server has ended, for whatever reason. */
  exited: Promise<void>
  /** Fast shutdown: sessions are cut off, everything committed is safe on disk. */
  stop: () => Promise<void>
}

export type ServerOptions = {
  place: PostgresPlace
  logFile: string
  /** Undefined: any free port. */
  port?: number | undefined
  /** Postgres's own settings, by their names. */
  settings?: Record<string, string> | undefined
  signal?: AbortSignal | undefined
}

/** Starts Postgres on the loopback interface and waits until it accepts connections. Throws LaunchError if it does not. */
export async function startServer(options: ServerOptions): Promise<PostgresServer> {
  let complaint = ''
  // Worth another try: somebody took the port in between, or processes of a killed server are just ending.
  const server = await poll(
    async () => {
      const outcome = await tryStart(options, options.port ?? (await freePort()))
      if (typeof outcome !== 'string') return outcome
      complaint = outcome
      if (/address already in use|pre-existing shared memory/i.test(outcome)) return undefined
      throw new LaunchError(`Postgres did not start: ${lastLine(outcome)} (all of it: ${options.logFile})`)
    },
    { everyMs: 200, deadlineMs: 15_000, signal: options.signal },
  )
  if (server !== undefined) return server
  throw new LaunchError(`Postgres did not start: ${lastLine(complaint)} (all of it: ${options.logFile})`)
}

/** A port on the loopback interface that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port was given')
  return address.port
}

/** Answers the server, or what it wrote to its log if it ended instead. */
async function tryStart(options: ServerOptions, port: number): Promise<PostgresServer | string> {
  const { place, logFile } = options
  const log = await open(logFile, 'a', 0o600)
  const { size } = await log.stat()
  const settings = { ...defaults, ...options.settings, port: String(port) }
  const child = spawn(
    join(place.binaries.folder, 'bin', 'postgres'),
    ['-D', place.dataFolder, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    {
      cwd: place.home,
      env: postgresEnvironment(),
      stdio: ['ignore', log.fd, log.fd],
      // A group of its own: Ctrl-C in a terminal must not end the database before the processes that use it.
      detached: true,
      ...ids(place),
    },
  )
  const exited = ending(child)
  const ready = await poll(
    async () =>
      (await isReady(place.dataFolder, child)) || child.exitCode !== null || child.signalCode ? true : undefined,
    { everyMs: 15, deadlineMs: 60_000 },
  )
  await log.close()
  if (ready !== undefined && child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
    return supervised(child, child.pid, port, place, exited)
  }
  child.kill('SIGINT')
  await exited
  return (await readFile(logFile)).subarray(size).toString()
}

const defaults = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  timezone: 'UTC',
  log_timezone: 'UTC',
  // Compiling a query costs more than any query here runs.
  jit: 'off',
}

/** Settings of a Postgres that the person uses elsewhere (PGDATA, PGPORT, …) are not meant for this one. */
export function postgresEnvironment(): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' }
}

export function ids({ runAs }: PostgresPlace): { uid: number; gid: number } | Record<string, never> {
  return runAs === undefined ? {} : { uid: runAs.uid, gid: runAs.gid }
}

function ending(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
}

/** The server's own pid file says when it takes connections (its eighth line). */
async function isReady(dataFolder: string, child: ChildProcess): Promise<boolean> {
  const lines = await pidFileLines(dataFolder)
  return Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready'
}

async function pidFileLines(dataFolder: string): Promise<string[]> {
  return (await readFile(join(dataFolder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
}

function supervised(
  child: ChildProcess,
  pid: number,
  port: number,
  place: PostgresPlace,
  exited: Promise<void>,
): PostgresServer {
  const guard = startGuard(pid, place)
  // The guard goes first thing after the server: its number could soon belong to another process.
  void exited.then(() => guard())
  return {
    port,
    pid,
    exited,
    stop: async () => {
      child.kill('SIGINT')
      await exited
    },
  }
}

/**
 * Ends Postgres if this process dies without doing so. A shell waits on a pipe that only we hold open; when it closes,
 * the shell leaves the app processes time to finish and then asks for a fast shutdown, if it is still the same server.
 */
function startGuard(pid: number, place: PostgresPlace): () => void {
  const script = 'cat >/dev/null; sleep 12; [ "$(head -n 1 "$1/postmaster.pid")" = "$2" ] && kill -INT "$2"'
  const guard = spawn('/bin/sh', ['-c', script, 'longshore-postgres-guard', place.dataFolder, String(pid)], {
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    ...ids(place),
  })
  guard.on('error', () => {})
  guard.unref()
  return () => {
    if (guard.pid !== undefined) sendSignal(-guard.pid, 'SIGKILL')
  }
}

/** Ends a server that a killed predecessor left running on this data. Answers whether there was one. */
export async function stopLeftover(dataFolder: string): Promise<boolean> {
  const pid = Number((await pidFileLines(dataFolder))[0])
  if (!Number.isInteger(pid) || pid <= 0) return false
  const command = await commandLineOf(pid)
  if (command?.includes(`-D ${dataFolder}`) !== true) {
    // The number now belongs to somebody else; Postgres would take that process for a living server and refuse.
    if (command !== undefined) await rm(join(dataFolder, 'postmaster.pid'), { force: true })
    return false
  }
  sendSignal(pid, 'SIGINT')
  const gone = await poll(async () => ((await commandLineOf(pid)) === undefined ? true : undefined), {
    everyMs: 20,
    deadlineMs: 30_000,
  })
  if (gone) return true
  throw new LaunchError(`A Postgres of an earlier start (process ${pid}) does not end. End it, then start again.`)
}

/** Whether a cluster has been made in this folder. */
export async function isInitialised(dataFolder: string): Promise<boolean> {
  return stat(join(dataFolder, 'PG_VERSION')).then(
    () => true,
    () => false,
  )
}

function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return (lines.findLast((line) => /FATAL|PANIC|error/i.test(line)) ?? lines.at(-1) ?? 'it said nothing').trim()
}
