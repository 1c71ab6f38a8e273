import { cpus } from 'node:os'
import type { JobBenchmark } from './job-benchmark.ts'
import { benchSignal, benchStart } from './tasks-latency.ts'
import { benchThroughput } from './tasks-throughput.ts'

type Print = (text: string) => void
type Part = (options: JobBenchmark, print: Print) => Promise<string[]>

const parts: Record<string, Part> = { throughput: benchThroughput, start: benchStart, signal: benchSignal }

export const taskParts: readonly string[] = Object.keys(parts)

/** Measures how fast tasks go, by parts or all of them. Answers what failed, a line each. Slowness is no failure. */
export async function benchTasks(names: readonly string[], options: JobBenchmark, print: Print): Promise<string[]> {
  print(`Node ${process.version}, ${process.platform}, ${cpus().length} CPUs (shared by everything)`)
  const failures: string[] = []
  for (const [name, part] of Object.entries(parts)) {
    if (names.length > 0 && !names.includes(name)) continue
    print(`\n== ${name}`)
    failures.push(...(await part(options, print)).map((failure) => `${name}: ${failure}`))
  }
  return failures
}
