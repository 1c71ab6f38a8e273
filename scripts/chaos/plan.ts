import { type Random, seededRandom } from './random.ts'

const redisFaults = ['worker', 'api', 'redis', 'postgres', 'flush'] as const
export type FaultKind = (typeof redisFaults)[number]
export type EngineKind = 'redis' | 'postgres'

export type Fault = {
  kind: FaultKind
  /** When in its round it strikes. */
  afterMs: number
  /** How long what was killed stays away. */
  downMs: number
  /** Which of several processes it strikes: its place among them. */
  place: number
}

export type Round = { number: number; faults: readonly Fault[] }

/**
 * Plans the faults of a run: the same ones for the same seed. Every kind comes in turn, in a new order each time, and at
 * least once; every other round or so has one fault more, and what comes together in a round may overlap.
 */
export function planRounds(options: { seed: number; rounds: number; engine: EngineKind }): Round[] {
  const random = seededRandom(options.seed)
  const kinds = redisFaults.filter((kind) => options.engine === 'redis' || kind !== 'redis')
  const first = turns(kinds, Math.max(options.rounds, kinds.length), random)
  const perRound = Math.ceil(first.length / options.rounds)
  return Array.from({ length: options.rounds }, (_, index) => {
    const mine = first.slice(index * perRound, (index + 1) * perRound)
    const more = random.next() < 0.5 ? [random.shuffle(kinds)[0]] : []
    // A process can be struck only while it is there: each kind once a round.
    const faults = [...new Set([...mine, ...more])].flatMap((kind) =>
      kind === undefined ? [] : [planFault(kind, random)],
    )
    return { number: index + 1, faults: faults.sort((a, b) => a.afterMs - b.afterMs) }
  })
}

function turns(kinds: readonly FaultKind[], count: number, random: Random): FaultKind[] {
  const all: FaultKind[] = []
  while (all.length < count) all.push(...random.shuffle(kinds))
  return all.slice(0, count)
}

function planFault(kind: FaultKind, random: Random): Fault {
  return {
    kind,
    afterMs: random.whole(200, 1800),
    downMs: kind === 'flush' ? 0 : random.whole(0, 1500),
    place: random.whole(0, 1_000_000),
  }
}

/** A round's faults in words: `worker at 340 ms for 1200 ms`. */
export function describeFaults({ faults }: Round): string {
  return faults
    .map(({ kind, afterMs, downMs }) =>
      kind === 'flush' ? `FLUSH at ${afterMs} ms` : `SIGKILL ${kind} at ${afterMs} ms for ${downMs} ms`,
    )
    .join(', ')
}
