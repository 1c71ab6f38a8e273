import { ChaosError } from './chaos-error.ts'
import { openClient, type Tally } from './client.ts'
import { createWithoutRedis } from './engine-away.ts'
import { queueBehind } from './fair-turns.ts'
import { runUnderFlood } from './flood.ts'
import { countOpen, readBooks, untilAtRest } from './ledger.ts'
import type { ChaosOptions } from './options.ts'
import { planRounds } from './plan.ts'
import { seededRandom } from './random.ts'
import { bookFindings } from './report.ts'
import { runRounds } from './rounds.ts'
import type { Finding, Scene } from './scene.ts'
import { type Stack, startStack } from './stack.ts'
import { killWorkers } from './worker-kills.ts'
import { wipeEngine } from './wipe.ts'

export type ChaosRun = ChaosOptions & {
  /** Ends the run early; everything it started is ended all the same. */
  stop: AbortSignal
  say: (line: string) => void
}

type Part = { name: string; run: (scene: Scene) => Promise<Finding[]> }

/**
 * Runs everything and answers what became of each promise. What a part cannot show in time counts as broken, and the next
 * part goes on. Throws when `stop` fires, and when the product cannot even be started.
 */
export async function runChaos(options: ChaosRun): Promise<Finding[]> {
  const { say } = options
  const limitMs = timeLimitMs(options)
  const limit = AbortSignal.timeout(limitMs)
  const signal = AbortSignal.any([options.stop, limit])
  const stack = await startStack({ ...options, signal }).catch((error: unknown) => {
    throw options.stop.aborted ? stopped(error) : error
  })
  try {
    const tally: Tally = { acknowledged: new Set(), requests: 0, repeated: 0 }
    const random = seededRandom(options.seed)
    const newClient = () => openClient({ stack, tally, random, signal })
    const scene: Scene = { stack, tally, newClient, random, signal, say }
    const findings: Finding[] = []
    for (const part of parts(options)) {
      findings.push(...(await runPart(part, scene)))
      if (options.stop.aborted) throw stopped()
      if (limit.aborted) break
    }
    if (limit.aborted) return [...findings, await tooLate(stack, limitMs)]
    say(
      `${tally.requests} requests, ${tally.repeated} of them repetitions; ${tally.acknowledged.size} tasks acknowledged`,
    )
    return findings
  } finally {
    await stack.stop()
  }
}

function stopped(cause?: unknown): ChaosError {
  return new ChaosError('stopped before it was done', { cause })
}

function parts({ seed, rounds, tasks, kills, engine, brief }: ChaosOptions): Part[] {
  const plan = planRounds({ seed, rounds, engine })
  return [
    { name: 'rounds of faults', run: (scene) => runRounds(scene, plan, tasks).then(() => []) },
    { name: 'worker kills', run: async (scene) => [await killWorkers(scene, kills)] },
    { name: 'without Redis', run: async (scene) => [await createWithoutRedis(scene, brief ? 20 : 100)] },
    { name: 'wiped engine', run: (scene) => wipeEngine(scene, brief ? 1 : 10, brief) },
    { name: 'fair turns', run: async (scene) => [await queueBehind(scene, brief ? 500 : 20_000)] },
    { name: 'flood', run: async (scene) => [await runUnderFlood(scene, brief ? 3 : 30)] },
    { name: 'every task', run: readAll },
  ]
}

async function readAll(scene: Scene): Promise<Finding[]> {
  const { stack, tally } = scene
  await untilAtRest(scene)
  const books = await readBooks(stack.sql, tally.acknowledged)
  return [
    ...bookFindings(books, tally.acknowledged.size),
    {
      promise: 'processes that ended though nobody ended them',
      target: '0',
      measured: [String(stack.ownEnds.length), ...stack.ownEnds].join('\n    '),
      held: stack.ownEnds.length === 0,
    },
  ]
}

async function runPart({ name, run }: Part, scene: Scene): Promise<Finding[]> {
  const startedMs = performance.now()
  try {
    const findings = await run(scene)
    scene.say(`${name}: ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
    return findings
  } catch (error) {
    if (scene.signal.aborted) return [{ promise: name, target: 'an end', measured: 'was not done', held: false }]
    // Of what nobody foresaw, the place where it came from is worth knowing.
    const measured =
      error instanceof ChaosError ? error.message : error instanceof Error ? String(error.stack) : String(error)
    return [{ promise: name, target: 'an end', measured, held: false }]
  }
}

async function tooLate({ sql }: Stack, limitMs: number): Promise<Finding> {
  const open = await countOpen(sql, AbortSignal.timeout(5000)).catch(() => undefined)
  const left = open === undefined ? 'the ledger does not say how many tasks were left' : `${open} tasks had not ended`
  const minutes = Math.round(limitMs / 60_000)
  return { promise: 'the run ends', target: `within ${minutes} minutes`, measured: `it did not: ${left}`, held: false }
}

/** Several times what it takes on a slow machine. */
function timeLimitMs({ rounds, tasks, kills, brief }: ChaosOptions): number {
  return (brief ? 120_000 : 600_000) + rounds * 20_000 + kills * 20_000 + tasks * 20
}
