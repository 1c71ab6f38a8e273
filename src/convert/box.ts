import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import type { Isolation } from './isolation.ts'

export type BoxLimits = {
  /** Of memory that a process may write to: its heap, its threads' stacks (RLIMIT_DATA, Linux). */
  memoryBytes: number
  /** Of all files in the scratch folder, and of each by itself (RLIMIT_FSIZE). */
  diskBytes: number
  /** Of CPU time, for a child whose worker has died and that nobody can stop any more. */
  cpuSeconds: number
}

/** How children are run: what holds them in, and where they may write. */
export type BoxPlace = { isolation: Isolation; folder: string; limits: BoxLimits }

export type BoxPlan = {
  command: string
  args: readonly string[]
  env?: Record<string, string>
  /** Told of every line on stdout and stderr. */
  onLine?: (line: string, stream: 'stdout' | 'stderr') => void
}

/** How a child ended: `disk` and `stopped` are this side's doing. */
export type BoxEnd = {
  why: 'exit' | 'signal' | 'disk' | 'stopped'
  code: number | null
  signal: NodeJS.Signals | null
  /** The last of what it wrote to stderr. */
  complaint: string
}

export type Box = {
  stdin: Writable
  ended: Promise<BoxEnd>
  /** Ends the child and all that it has started, at once. */
  stop: () => void
}

// Lower in priority than the worker, so that heartbeats do not wait for a conversion. The units of -f are 512 bytes.
const limitsScript = `
ulimit -c 0; ulimit -f "$1" && ulimit -t "$3" || exit 125
ulimit -d "$2" 2>/dev/null || [ "$(uname)" != Linux ] || exit 125
shift 3; exec nice -n 10 "$@"`

const watchEveryMs = 500
const complaintCharacters = 4096

/** Starts a command in its scratch folder, within limits, with an environment that tells it nothing of ours. */
export function openBox({ isolation, folder, limits }: BoxPlace, plan: BoxPlan): Box {
  const within = ['sh', '-c', limitsScript, 'sh', ...limitArguments(limits), plan.command, ...plan.args]
  const [command = '', ...args] = [...isolation.around(folder), ...within]
  const child = spawn(command, args, {
    cwd: folder,
    env: environment(isolation.root ?? folder, plan.env),
    stdio: ['pipe', 'pipe', 'pipe'],
    // Leads a process group, which is ended as a whole.
    detached: true,
  })
  // What the child does not read any more is no failure of its own.
  child.stdin.on('error', () => {})
  let why: BoxEnd['why'] | undefined
  const stop = (cause: BoxEnd['why']): void => {
    why ??= cause
    killGroup(child.pid)
  }
  const forget = watchFolder(folder, limits.diskBytes, () => stop('disk'))
  const complaint = listen(child, plan.onLine)
  const ended = new Promise<BoxEnd>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      resolve({ why: why ?? (signal === null ? 'exit' : 'signal'), code, signal, complaint: complaint() })
    })
  }).finally(() => {
    forget()
    // A child that ended by itself may have left others behind.
    killGroup(child.pid)
  })
  ended.catch(() => undefined)
  return { stdin: child.stdin, ended, stop: () => stop('stopped') }
}

function limitArguments({ memoryBytes, diskBytes, cpuSeconds }: BoxLimits): string[] {
  return [Math.ceil(diskBytes / 512), Math.ceil(memoryBytes / 1024), cpuSeconds].map(String)
}

function environment(home: string, more: Record<string, string> = {}): Record<string, string> {
  const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  return { PATH: path, HOME: home, TMPDIR: home, LANG: 'C.UTF-8', TZ: 'UTC', ...more }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

function listen(child: ChildProcessByStdio<Writable, Readable, Readable>, onLine: BoxPlan['onLine']): () => string {
  let complaint = ''
  eachLine(child.stdout, (line) => onLine?.(line, 'stdout'))
  eachLine(child.stderr, (line) => {
    complaint = `${complaint}\n${line}`.slice(-complaintCharacters)
    onLine?.(line, 'stderr')
  })
  return () => complaint.trim()
}

/** Lines that are too long are told in pieces: a hostile file may have its reader write anything. */
function eachLine(stream: Readable, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
    if (rest.length <= complaintCharacters) return
    onLine(rest)
    rest = ''
  })
  stream.on('end', () => rest !== '' && onLine(rest))
}

/** Looks now and then how much the files in a folder have come to. */
function watchFolder(folder: string, diskBytes: number, onFull: () => void): () => void {
  let isLooking = false
  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    void folderBytes(folder)
      .then((sizeBytes) => sizeBytes > diskBytes && onFull())
      .finally(() => {
        isLooking = false
      })
  }, watchEveryMs)
  return () => clearInterval(timer)
}

async function folderBytes(folder: string): Promise<number> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile())
    const sizes = await Promise.all(
      files.map(async (file) => (await stat(join(file.parentPath, file.name)).catch(() => undefined))?.size ?? 0),
    )
    return sizes.reduce((sum, size) => sum + size, 0)
  } catch {
    // A folder that goes away while it is looked at is not full.
    return 0
  }
}
