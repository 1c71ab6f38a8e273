import { randomInt } from 'node:crypto'
import { explain } from '../src/launch/environment.ts'
import { LaunchError } from '../src/launch/launch-error.ts'
import { stopSignals } from '../src/launch/stop-signals.ts'
import { isDriversOwn, isDroppedSocket } from '../src/process.ts'
import { ChaosError } from './chaos/chaos-error.ts'
import { readOptions, usage } from './chaos/options.ts'
import { readRealtimeOptions, realtimeUsage } from './chaos/realtime/options.ts'
import { runRealtimeChaos } from './chaos/realtime/run.ts'
import { describeFindings } from './chaos/report.ts'
import { runChaos } from './chaos/run.ts'
import type { Finding } from './chaos/scene.ts'

/** Breaks a stack of its own and answers the exit code: 0 all promises held, 1 not all, 2 an option was not understood. */
async function main(): Promise<number> {
  let run: Run | 'help'
  try {
    run = readRun(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`)
    return error instanceof LaunchError ? 2 : 1
  }
  if (run === 'help') return 0
  process.stdout.write(`${run.title}\n`)
  const say = (line: string): void => {
    process.stderr.write(`${(performance.now() / 1000).toFixed(1).padStart(7)} s  ${line}\n`)
  }
  const findings = await run.start(AbortSignal.any([stopSignals().stop, accidents(say)]), say)
  process.stdout.write(`${describeFindings(findings)}\n`)
  return findings.every((finding) => finding.held !== false) ? 0 : 1
}

type Run = { title: string; start: (stop: AbortSignal, say: (line: string) => void) => Promise<Finding[]> }

/** What the command line asks for; `help` when that was all, and it was given. Throws LaunchError. */
function readRun(args: readonly string[]): Run | 'help' {
  const newSeed = (): number => randomInt(2 ** 32 - 1)
  if (args[0] === 'realtime') {
    const options = readRealtimeOptions(args.slice(1), newSeed)
    if (options === undefined) return help(realtimeUsage)
    const { seed, seconds, clients, engine } = options
    return {
      title: `seed ${seed} (${seconds} s, ${clients} clients, the queue in ${engine}; repeat it with realtime --seed ${seed})`,
      start: (stop, say) => runRealtimeChaos({ ...options, stop, say }),
    }
  }
  const options = readOptions(args, newSeed)
  if (options === undefined) return help(usage)
  const { seed, rounds, tasks, engine } = options
  return {
    title: `seed ${seed} (${rounds} rounds, ${tasks} tasks, the queue in ${engine}; repeat it with --seed ${seed})`,
    start: (stop, say) => runChaos({ ...options, stop, say }),
  }
}

function help(text: string): 'help' {
  process.stdout.write(`${text}\n`)
  return 'help'
}

/** Fires on an error that nobody catches, so that what was started is ended all the same. */
function accidents(say: (line: string) => void): AbortSignal {
  const accident = new AbortController()
  process.on('uncaughtException', (error) => {
    if (isDroppedSocket(error) || isDriversOwn(error)) return
    say(explain(error))
    accident.abort()
  })
  return accident.signal
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`${error instanceof ChaosError ? error.message : explain(error)}\n`)
  process.exitCode = 1
}
process.exit()
