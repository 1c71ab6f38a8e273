import { parseArgs } from 'node:util'
import { onThisThread } from '../src/age/threads.ts'
import { openDatabase } from '../src/db/connect.ts'
import { openSignals } from '../src/db/signals.ts'
import { poolsOf } from '../src/files/pools.ts'
import { fileUpload } from '../src/jobs/file-upload.ts'
import { explain, readSettings } from '../src/launch/environment.ts'
import { reachDatabase } from '../src/launch/reach-database.ts'
import { openLog } from '../src/log.ts'
import { loadTaskModules } from '../src/tasks/load-modules.ts'
import { registerJobs } from '../src/tasks/define-job.ts'
import { examine, type Examination } from '../src/uploads/examine.ts'
import { linesOf } from '../src/uploads/examination-lines.ts'
import { noTracing } from '../src/tracing/tracing.ts'

const usage = 'npm run -s doctor [-- [--mend] [--json]]'
const exitCodes = { sound: 0, findings: 1, unchecked: 2 } satisfies Record<Examination['verdict'], number>

/** Examines the deployment that the environment names. */
async function run({ mends }: { mends: boolean }): Promise<Examination> {
  const config = readSettings(process.env)
  const reached = await reachDatabase(process.env, config)
  const undo = [reached.close]
  try {
    // What this prints is for people and scripts; the log is for what nobody foresaw.
    const { scope } = openLog('doctor', { ...config.log, base: 'warn' }, process.stderr)
    const { preparesStatements } = config
    const database = openDatabase(reached.databaseUrl, { name: 'doctor', maxConnections: 4, preparesStatements })
    undo.push(() => database.close())
    const { sql } = database
    const log = scope('storage')
    const readVariable = (name: string) => process.env[name]
    const pools = poolsOf(sql, { ...config.storage, dataDir: config.dataDir, readVariable }, log)
    const signals = await openSignals({ sql, listenUrl: reached.directUrl, log: scope('signals') })
    undo.push(() => signals.close())
    // Of what comes with Longshore only uploads have anything to do when they are ended.
    const upload = fileUpload({ sql, pools, log, crypt: onThisThread(), sealer: undefined })
    const registry = registerJobs([upload], await loadTaskModules(config.tasks.modules))
    const verbs = { registry, signals, sealer: undefined, dispatcher: { admit: () => {} }, tracing: noTracing }
    return await examine({ sql, pools, log, ...verbs }, { graceMs: config.storage.orphanGraceMs, mends })
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

function readArguments(): { mend: boolean; json: boolean } | undefined {
  try {
    const options = { mend: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } } as const
    return parseArgs({ options }).values
  } catch {
    return undefined
  }
}

async function main(): Promise<number> {
  const asked = readArguments()
  if (asked === undefined) {
    process.stderr.write(`${usage}\n`)
    return exitCodes.unchecked
  }
  try {
    const examination = await run({ mends: asked.mend })
    const text = asked.json ? JSON.stringify(examination, null, 2) : linesOf(examination).join('\n')
    process.stdout.write(`${text}\n`)
    return exitCodes[examination.verdict]
  } catch (error) {
    process.stderr.write(`Nothing could be checked: ${explain(error)}\n`)
    return exitCodes.unchecked
  }
}

process.exitCode = await main()
