import { seededRandom } from '../random.ts'

export type Victim = 'api-1' | 'api-2' | 'worker-1' | 'worker-2' | 'queue'

export type Strike = {
  /** How long after it came back from the strike before. */
  afterMs: number
  /** SIGTERM ends a process in order, as an upgrade does; `flush` has the queue forget everything. */
  how: 'SIGKILL' | 'SIGTERM' | 'flush'
  /** How long it stays away. */
  downMs: number
}

/** What strikes one victim, one after the other. Those of several victims overlap as they fall. */
export type Lane = { victim: Victim; strikes: readonly Strike[] }

const victims: readonly Victim[] = ['api-1', 'api-2', 'worker-1', 'worker-2', 'queue']

/** Plans the strikes of a run: the same ones for the same seed. More than can happen in that time. */
export function planStrikes({ seed, seconds }: { seed: number; seconds: number }): Lane[] {
  return victims.map((victim, place) => {
    const random = seededRandom(seed + place)
    const strikes: Strike[] = []
    for (let atMs = 0; atMs < seconds * 1000; ) {
      const afterMs = random.whole(500, 6000)
      const downMs = victim === 'queue' ? 0 : random.whole(0, 1500)
      const how = victim === 'queue' ? 'flush' : random.next() < 0.8 ? 'SIGKILL' : 'SIGTERM'
      strikes.push({ afterMs, how, downMs })
      atMs += afterMs + downMs
    }
    return { victim, strikes }
  })
}
