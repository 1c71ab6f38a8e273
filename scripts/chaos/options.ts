import { parseArgs } from 'node:util'
import { systemCode } from '../../src/errors.ts'
import { LaunchError } from '../../src/launch/launch-error.ts'
import type { EngineKind } from './plan.ts'

export type ChaosOptions = {
  seed: number
  rounds: number
  tasks: number
  engine: EngineKind
  /** Worker kills that are timed. */
  kills: number
  brief: boolean
  keep: boolean
}

export const usage = `npm run chaos -- [options]
npm run chaos -- realtime [options]   what clients are told live; it has a --help of its own

Starts the whole product on loopback in a temporary folder, breaks it by a random schedule, and says which promises held.

  --seed <number>            the schedule's seed; a run prints its own, and the same seed repeats its schedule
  --rounds <1-1000>          rounds of faults (20; 3 with --brief)
  --tasks <100-1000000>      tasks created during the rounds (5000; 300 with --brief)
  --kills <1-1000>           worker kills that are timed (50; 2 with --brief)
  --engine <redis|postgres>  where jobs wait (redis)
  --brief                    everything once, in less than a minute
  --keep                     keep the logs of all processes
  --help                     this text

Exit code: 0 when every promise held, 1 when one did not, 2 when an option was not understood.`

/** Reads the options. Undefined when help is asked for; throws LaunchError with one line that says what is wrong. */
export function readOptions(args: readonly string[], newSeed: () => number): ChaosOptions | undefined {
  const values = parse(args)
  if (values.help) return undefined
  const { engine, brief, keep } = values
  return {
    seed: whole('seed', values.seed, { low: 0, high: 2 ** 32 - 1, otherwise: newSeed() }),
    rounds: whole('rounds', values.rounds, { low: 1, high: 1000, otherwise: brief ? 3 : 20 }),
    tasks: whole('tasks', values.tasks, { low: 100, high: 1_000_000, otherwise: brief ? 300 : 5000 }),
    kills: whole('kills', values.kills, { low: 1, high: 1000, otherwise: brief ? 2 : 50 }),
    engine: engineNamed(engine),
    brief,
    keep,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        seed: { type: 'string' },
        rounds: { type: 'string' },
        tasks: { type: 'string' },
        kills: { type: 'string' },
        engine: { type: 'string', default: 'redis' },
        brief: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw rejected(error)
  }
}

/** What to throw for an error of the parser: what it did not understand, in one line. */
export function rejected(error: unknown): unknown {
  if (!(error instanceof Error) || systemCode(error)?.startsWith('ERR_PARSE_ARGS') !== true) return error
  return new LaunchError(`${error.message.split('. ')[0]}. --help shows the options.`, { cause: error })
}

/** Throws LaunchError for what is none. */
export function engineNamed(given: string): EngineKind {
  if (given === 'redis' || given === 'postgres') return given
  throw refusal('engine', 'redis or postgres', given)
}

type Range = { low: number; high: number; otherwise: number }

/** The number that was given, or `otherwise`. Throws LaunchError for one that is out of range. */
export function whole(name: string, given: string | undefined, { low, high, otherwise }: Range): number {
  if (given === undefined) return otherwise
  const value = Number(given)
  if (/^\d{1,10}$/.test(given) && value >= low && value <= high) return value
  throw refusal(name, `a whole number from ${low} to ${high}`, given)
}

function refusal(name: string, right: string, given: string): LaunchError {
  return new LaunchError(`--${name} must be ${right}, not "${given}". --help shows the options.`)
}
