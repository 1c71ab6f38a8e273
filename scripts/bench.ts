import { parseArgs } from 'node:util'
import { explain } from '../src/launch/environment.ts'
import { benchUpload } from './bench/upload.ts'

const usage = 'npm run bench -- upload [--rounds 3] [--brief] [--peers-only] [--dir <folder>]'

/** Runs the benchmark named on the command line. Ends with 1 when something failed, with 2 when it was not understood. */
async function main(): Promise<number> {
  const { values, positionals } = readArguments()
  const rounds = Number(values.rounds ?? (values.brief ? 1 : 3))
  if (positionals.length !== 1 || positionals[0] !== 'upload' || !Number.isInteger(rounds) || rounds < 1) {
    process.stderr.write(`${usage}\n`)
    return 2
  }
  const failures = await benchUpload(
    {
      rounds,
      brief: values.brief,
      peersOnly: values['peers-only'],
      databaseUrl: process.env['DATABASE_URL'] || undefined,
      parentFolder: values.dir,
      log: (line) => process.stderr.write(`${line}\n`),
    },
    (text) => process.stdout.write(`${text}\n`),
  )
  for (const failure of failures) process.stderr.write(`failed: ${failure}\n`)
  return failures.length > 0 ? 1 : 0
}

function readArguments() {
  return parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
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
