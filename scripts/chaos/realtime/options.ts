import { parseArgs } from 'node:util'
import type { EngineKind } from '../plan.ts'
import { engineNamed, rejected, whole } from '../options.ts'

export type RealtimeOptions = {
  seed: number
  /** How long faults strike. */
  seconds: number
  /** Clients that watch the room of an account or of one task. */
  clients: number
  engine: EngineKind
  brief: boolean
  keep: boolean
}

export const realtimeUsage = `npm run chaos -- realtime [options]

Starts the whole product on loopback in a temporary folder and kills its processes at random, while clients come, go and come back with
the cursor they have. Says whether each of them ended with exactly the events of the ledger.

  --seed <number>            the schedule's seed; a run prints its own, and the same seed repeats its schedule
  --seconds <5-3600>         how long faults strike (180; 12 with --brief)
  --clients <1-500>          clients of rooms, each of which comes and goes (32; 12 with --brief)
  --engine <redis|postgres>  where jobs wait (redis)
  --brief                    the same in less than 40 s
  --keep                     keep the logs of all processes
  --help                     this text

Exit code: 0 when the promise held, 1 when it did not, 2 when an option was not understood.`

/** Reads the options. Undefined when help is asked for; throws LaunchError with one line that says what is wrong. */
export function readRealtimeOptions(args: readonly string[], newSeed: () => number): RealtimeOptions | undefined {
  const values = parse(args)
  if (values.help) return undefined
  const { brief, keep } = values
  return {
    seed: whole('seed', values.seed, { low: 0, high: 2 ** 32 - 1, otherwise: newSeed() }),
    seconds: whole('seconds', values.seconds, { low: 5, high: 3600, otherwise: brief ? 12 : 180 }),
    clients: whole('clients', values.clients, { low: 1, high: 500, otherwise: brief ? 12 : 32 }),
    engine: engineNamed(values.engine),
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
        seconds: { type: 'string' },
        clients: { type: 'string' },
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
