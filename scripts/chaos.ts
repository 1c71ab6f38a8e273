import { randomInt } from 'node:crypto'
import { explain } from '../src/launch/environment.ts'
import { LaunchError } from '../src/launch/launch-error.ts'
import { stopSignals } from '../src/launch/stop-signals.ts'
import { isDriversOwn, isDroppedSocket } from '../src/process.ts'
import { ChaosError } from './chaos/chaos-error.ts'
import { type ChaosOptions, readOptions, usage } from './chaos/options.ts'
import { describeFindings } from './chaos/report.ts'
import { runChaos } from './chaos/run.ts'

/** Breaks a stack of its own and answers the exit code: 0 all promises held, 1 not all, 2 an option was not understood. */
async function main(): Promise<number> {
  let options: ChaosOptions | undefined
  try {
    options = readOptions(process.argv.slice(2), () => randomInt(2 ** 32 - 1))
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`)
    return error instanceof LaunchError ? 2 : 1
  }
  if (options === undefined) {
    process.stdout.write(`${usage}\n`)
    return 0
  }
  const { seed, rounds, tasks, engine } = options
  process.stdout.write(
    `seed ${seed} (${rounds} rounds, ${tasks} tasks, the queue in ${engine}; repeat it with --seed ${seed})\n`,
  )
  const say = (line: string): void => {
    process.stderr.write(`${(performance.now() / 1000).toFixed(1).padStart(7)} s  ${line}\n`)
  }
  const findings = await runChaos({ ...options, stop: AbortSignal.any([stopSignals().stop, accidents(say)]), say })
  process.stdout.write(`${describeFindings(findings)}\n`)
  return findings.every((finding) => finding.held !== false) ? 0 : 1
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
