import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../src/package-root.ts'
import type { TestProcess } from './process.ts'

/** Setting under which `measureLoad` can ask a process for its event loop's delay. */
export const withLoopDelay = {
  NODE_OPTIONS: `--import ${pathToFileURL(join(packageRoot(), 'test', 'support', 'loop-delay.mjs')).href}`,
}

export type Load = {
  /** How far resident memory rose above what it was before. */
  risenBytes: number
  /** How long the event loop was held up, as the 99th percentile. */
  loopDelayMs: number
  /** The same of this process, which only waits: what a busy machine adds to every process. */
  idleDelayMs: number
}

/** What a process takes while `work` goes on, Linux only. */
export async function measureLoad(one: TestProcess, work: () => Promise<unknown>): Promise<Load> {
  // Makes the peak what is resident now (proc(5)).
  await writeFile(`/proc/${one.pid}/clear_refs`, '5')
  const before = await memoryOf(one.pid)
  const idle = monitorEventLoopDelay({ resolution: 1 })
  await one.ask('loop delay')
  idle.enable()
  await work()
  idle.disable()
  const { loopDelayMs } = await one.ask('loop delay')
  const { peakBytes } = await memoryOf(one.pid)
  return {
    risenBytes: peakBytes - before.residentBytes,
    loopDelayMs: Number(loopDelayMs),
    idleDelayMs: idle.percentile(99) / 1e6,
  }
}

async function memoryOf(pid: number): Promise<{ residentBytes: number; peakBytes: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const bytesOf = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return { residentBytes: bytesOf('VmRSS'), peakBytes: bytesOf('VmHWM') }
}
