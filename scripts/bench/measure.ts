import { mkdir, mkdtemp } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Payload } from './payload.ts'
import { readUsage } from './usage.ts'

export type Run = {
  payload: Payload
  /** Requests in flight. */
  atOnce: number
  /** Where the server's data may lie; the subject removes what it puts there. */
  folder: string
}

/** What one round of one subject came to. What cannot be seen on this system is undefined. */
export type Measured = {
  megabytesPerSecond: number
  cpuSecondsPerGib: number | undefined
  clientCpuSecondsPerGib: number
  peakRssBytes: number | undefined
  /** Resident memory at the peak of the load less that before it. */
  risenRssBytes: number | undefined
  finish?: Finish
}

/** Finishing, apart from the chunks. Times in milliseconds, CPU in seconds per GiB. */
export type Finish = {
  completeMs: number
  hashPassMs: number
  workerCpuSecondsPerGib: number | undefined
  postgresCpuSecondsPerGib: number | undefined
}

export type Subject = { name: string; measure(run: Run): Promise<Measured> }

const gibibyte = 1024 ** 3

/** Times `work`, which moves `sizeBytes` through the process `pid`, and reads what that process used meanwhile. */
export async function measureLoad(pid: number, sizeBytes: number, work: () => Promise<void>): Promise<Measured> {
  const before = await readUsage(pid)
  const clientBefore = process.cpuUsage()
  const startedMs = performance.now()
  await work()
  const seconds = (performance.now() - startedMs) / 1000
  const client = process.cpuUsage(clientBefore)
  const after = await readUsage(pid)
  const perGib = gibibyte / sizeBytes
  return {
    megabytesPerSecond: sizeBytes / 1e6 / seconds,
    cpuSecondsPerGib: before && after && (after.cpuSeconds - before.cpuSeconds) * perGib,
    clientCpuSecondsPerGib: ((client.user + client.system) / 1e6) * perGib,
    peakRssBytes: after?.peakRssBytes,
    risenRssBytes: before && after && Math.max(0, after.peakRssBytes - before.rssBytes),
  }
}

/** Makes a new, empty folder whose name starts with `prefix`. */
export async function scratchFolder(prefix: string): Promise<string> {
  await mkdir(dirname(prefix), { recursive: true })
  return mkdtemp(`${prefix}-`)
}

/** Where a script lies in the build this one belongs to (`scripts/bench/peer-sink.js`). */
export function scriptPath(path: string): string {
  return join(import.meta.dirname, '..', '..', path)
}

/** The middle value; the mean of the two in the middle when they are even in number. NaN of nothing. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low = Number.NaN, high = low] = sorted.slice(Math.ceil(middle) - 1, Math.floor(middle) + 1)
  return (low + high) / 2
}

/** The value that `share` (0 to 1) of the values do not exceed, by the nearest rank. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}
