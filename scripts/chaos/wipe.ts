import { median } from '../bench/measure.ts'
import { bands } from '../../src/contract/task.ts'
import { untilAtRest } from './ledger.ts'
import type { Finding, Scene } from './scene.ts'
import { patiently, pause, until } from './wait.ts'

const noticeLimitMs = 2000
const rebuildLimitPerSecond = 5000
/** More of each band than is admitted to the engine at once. */
const perBand = 600
/** Nearly what the engine is given of a band. */
const windowSize = 500
const gate = 'wipe'
const priorities = [90, 50, 10]

type Wipe = { deliveries: number; noticedMs: number; rebuiltMs: number }

/**
 * Fills every band's window in the engine while all slots are taken, and has the engine forget everything. Noticed is
 * when the ledger raises the first dispatch again; rebuilt is when the engine holds as many deliveries as before.
 */
export async function wipeEngine(scene: Scene, wipes: number, brief: boolean): Promise<Finding[]> {
  const { stack, say, signal } = scene
  const seen: Wipe[] = []
  await stack.sql`insert into chaos_gates (name) values (${gate})`
  try {
    await fill(scene)
    while (seen.length < wipes) {
      const one = await wipeOnce(scene)
      seen.push(one)
      say(
        `wipe ${seen.length} of ${wipes}: ${one.deliveries} deliveries gone, noticed after ${one.noticedMs.toFixed(0)} ms,` +
          ` back ${one.rebuiltMs.toFixed(0)} ms later (${rateOf(one).toFixed(0)}/s)`,
      )
    }
  } finally {
    await patiently(() => stack.sql`delete from chaos_gates where name = ${gate}`, signal)
  }
  await untilAtRest(scene)
  return judge(seen, brief)
}

/** Tasks that stand at the gate take every slot of every worker, so that nothing but the rebuilding moves. */
async function fill({ newClient }: Scene): Promise<void> {
  const client = await newClient()
  for (const priority of priorities) {
    await client.create(Array.from({ length: 8 }, () => ({ workMs: 0, priority, gate })))
    await client.create(Array.from({ length: perBand }, () => ({ workMs: 0, priority })))
  }
}

function judge(seen: readonly Wipe[], brief: boolean): Finding[] {
  const worstNoticeMs = Math.max(...seen.map((one) => one.noticedMs))
  const rates = seen.map(rateOf)
  return [
    {
      promise: 'a wiped engine is noticed',
      target: `worst of ${seen.length} <= 2 s`,
      measured: `worst ${(worstNoticeMs / 1000).toFixed(2)} s, from the wipe to the first dispatch raised`,
      held: worstNoticeMs <= noticeLimitMs,
    },
    {
      promise: 'a wiped engine is rebuilt',
      target: `median of ${seen.length} >= 5,000 deliveries/s${brief ? ' (not judged with --brief)' : ''}`,
      measured:
        `median ${median(rates).toFixed(0)}/s (${Math.min(...rates).toFixed(0)}-${Math.max(...rates).toFixed(0)}),` +
        ` of ${seen[0]?.deliveries} deliveries, from the first dispatch raised to the engine holding all again`,
      // One wipe on a machine that may be small and busy says little about speed.
      held: brief ? undefined : median(rates) >= rebuildLimitPerSecond,
    },
  ]
}

function rateOf({ deliveries, rebuiltMs }: Wipe): number {
  return (1000 * deliveries) / Math.max(1, rebuiltMs)
}

async function wipeOnce(scene: Scene): Promise<Wipe> {
  const { stack, random, signal } = scene
  const deliveries = await untilFull(scene)
  // Deliveries are looked up by their age, so the wipe comes at any age of theirs.
  await pause(random.whole(0, 2500), signal)
  const raised = await countRaised(scene)
  await stack.wipe()
  const wipedMs = performance.now()
  await until(async () => ((await countRaised(scene)) !== raised ? true : undefined), {
    everyMs: 10,
    withinMs: 20_000,
    signal,
    missing: () => 'nobody had noticed that the engine was wiped',
  })
  const noticedMs = performance.now()
  await until(async () => ((await countHeld(scene)) >= deliveries ? true : undefined), {
    everyMs: 10,
    withinMs: 30_000,
    signal,
    missing: () => `the engine did not hold ${deliveries} deliveries again`,
  })
  return { deliveries, noticedMs: noticedMs - wipedMs, rebuiltMs: performance.now() - noticedMs }
}

/** Waits until the engine holds what the ledger has admitted, and every band's window is full. */
async function untilFull(scene: Scene): Promise<number> {
  const { stack, signal } = scene
  return until(
    async () => {
      const rows = await stack.sql<{ count: number }[]>`
        select count(*)::int as count from tasks
        where runnable and admitted_at is not null and lease_expires_at is null group by band`
      const admitted = rows.reduce((sum, row) => sum + row.count, 0)
      const isFull = rows.filter((row) => row.count >= windowSize).length === bands.length
      return isFull && (await countHeld(scene)) === admitted ? admitted : undefined
    },
    { withinMs: 30_000, signal, missing: () => 'the queues had not filled' },
  )
}

async function countHeld({ stack }: Scene): Promise<number> {
  const counts = await stack.engine.counts()
  return bands.reduce((sum, band) => sum + counts[band].waiting, 0)
}

/** A number that changes when a waiting task's dispatch is raised. */
async function countRaised({ stack }: Scene): Promise<number> {
  const [row] = await stack.sql<[{ raised: number }]>`
    select coalesce(sum(dispatch), 0)::int as raised from tasks where runnable and lease_expires_at is null`
  return row.raised
}
