import { readFile } from 'node:fs/promises'

/** What one process has used: CPU seconds so far (user and system), resident memory now and at its peak. */
export type Usage = { cpuSeconds: number; rssBytes: number; peakRssBytes: number }

const ticksPerSecond = 100

/** Reads a process's usage from /proc. Answers undefined where there is none (any system but Linux). */
export async function readUsage(pid: number): Promise<Usage | undefined> {
  if (process.platform !== 'linux') return undefined
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const { own } = await readTimes(pid)
  return { cpuSeconds: own, rssBytes: sizeOf(status, 'VmRSS'), peakRssBytes: sizeOf(status, 'VmHWM') }
}

/**
 * CPU seconds of a local Postgres: its first process, the children alive, and those it has already waited for.
 * `backendPid` is any one of its connections. Answers undefined where that cannot be seen (another system or machine).
 */
export async function readPostgresCpuSeconds(backendPid: number): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined
  try {
    const { parentPid } = await readTimes(backendPid)
    const first = await readTimes(parentPid)
    const children = await readFile(`/proc/${parentPid}/task/${parentPid}/children`, 'utf8')
    const alive = await Promise.all(
      children
        .trim()
        .split(' ')
        .map((pid) => readTimes(Number(pid)).catch(() => undefined)),
    )
    return alive.reduce((sum, times) => sum + (times?.own ?? 0), first.own + first.waitedFor)
  } catch {
    return undefined
  }
}

async function readTimes(pid: number): Promise<{ parentPid: number; own: number; waitedFor: number }> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The command's name may hold spaces and brackets; the fields after its last bracket do not.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const seconds = (position: number): number => Number(fields[position] ?? 0) / ticksPerSecond
  return { parentPid: Number(fields[1]), own: seconds(11) + seconds(12), waitedFor: seconds(13) + seconds(14) }
}

function sizeOf(status: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)
  return Number(match?.[1] ?? 0) * 1024
}
