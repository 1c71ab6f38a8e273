import { parseArgs } from 'node:util'
import { explain } from '../src/launch/environment.ts'
import { benchJobs, jobParts } from './bench/jobs.ts'
import { benchLists } from './bench/lists.ts'
import { benchRealtime } from './bench/realtime.ts'
import { benchS3 } from './bench/s3.ts'
import { benchTasks, taskParts } from './bench/tasks.ts'
import { benchUpload } from './bench/upload.ts'

const usage = `npm run bench -- upload [--rounds 3] [--size <MiB>] [--brief] [--peers-only] [--dir <folder>]
npm run bench -- lists [--rounds 3] [--brief] [--dir <folder>]
npm run bench -- realtime [--rounds 3] [--brief] [--dir <folder>]
npm run bench -- s3 [--rounds 3] [--size <MiB>] [--brief] [--dir <folder>]
npm run bench -- jobs [${jobParts.join('|')}]… [--rounds 3] [--brief] [--dir <folder>]
npm run bench -- tasks [${taskParts.join('|')}]… [--rounds 3] [--brief] [--dir <folder>]`

/** Runs the benchmark named on the command line. Ends with 1 when something failed, with 2 when it was not understood. */
async function main(): Promise<number> {
  const benchmark = readBenchmark()
  if (benchmark === undefined) {
    process.stderr.write(`${usage}\n`)
    return 2
  }
  const failures = await benchmark()
  for (const failure of failures) process.stderr.write(`failed: ${failure}\n`)
  return failures.length > 0 ? 1 : 0
}

/** What the command line asks for; undefined when it makes no sense. */
function readBenchmark(): (() => Promise<string[]>) | undefined {
  const { values, positionals } = readArguments()
  const [name, ...parts] = positionals
  const rounds = Number(values.rounds ?? (values.brief ? 1 : 3))
  const sizeMebibytes = Number(values.size ?? 1024)
  if (![rounds, sizeMebibytes].every((number) => Number.isInteger(number) && number >= 1)) return undefined
  const options = {
    rounds,
    brief: values.brief,
    databaseUrl: process.env['DATABASE_URL'] || undefined,
    parentFolder: values.dir,
    log: (line: string) => process.stderr.write(`${line}\n`),
  }
  const print = (text: string): void => void process.stdout.write(`${text}\n`)
  if (name === 'upload' && parts.length === 0) {
    return () => benchUpload({ ...options, sizeMebibytes, peersOnly: values['peers-only'] }, print)
  }
  if (name === 'realtime' && parts.length === 0) return () => benchRealtime(options, print)
  if (name === 's3' && parts.length === 0) return () => benchS3({ ...options, sizeMebibytes }, print)
  if (name === 'lists' && parts.length === 0) return () => benchLists(options, print)
  if (name === 'tasks' && parts.every((part) => taskParts.includes(part))) {
    return () => benchTasks(parts, options, print)
  }
  const isJobs = name === 'jobs' && parts.every((part) => jobParts.includes(part))
  return isJobs ? () => benchJobs(parts, options, print) : undefined
}

function readArguments() {
  return parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      size: { type: 'string' },
      brief: { type: 'boolean', default: false },
      'peers-only': { type: 'boolean', default: false },
      dir: { type: 'string' },
    },
  })
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = 1
}
