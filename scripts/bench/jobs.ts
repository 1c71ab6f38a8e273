import type { JobBenchmark } from './job-benchmark.ts'
import { benchCompress } from './jobs-compress.ts'
import { benchEncrypt } from './jobs-encrypt.ts'
import { benchMigrate } from './jobs-migrate.ts'
import { benchMove } from './jobs-move.ts'

type Print = (text: string) => void

/** Measures one kind of file work beside other tools and prints the tables. Answers what failed, a line each. */
type Part = (options: JobBenchmark, print: Print) => Promise<string[]>

const parts: Record<string, Part> = {
  encrypt: benchEncrypt,
  compress: benchCompress,
  move: benchMove,
  migrate: benchMigrate,
}

export const jobParts: readonly string[] = Object.keys(parts)

/** Runs the named parts, or all, one after the other. Answers what failed, a line each. Slowness is no failure. */
export async function benchJobs(names: readonly string[], options: JobBenchmark, print: Print): Promise<string[]> {
  const failures: string[] = []
  for (const [name, part] of Object.entries(parts)) {
    if (names.length > 0 && !names.includes(name)) continue
    print(`\n== ${name}`)
    failures.push(...(await part(options, print)).map((failure) => `${name}: ${failure}`))
  }
  return failures
}
