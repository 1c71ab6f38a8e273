import { AppError } from '../errors.ts'
import type { Log } from '../log.ts'
import { PoolFault, type PoolProblem } from '../storage/failure.ts'

/** `freeBytes`: what the pool has room for, where it knows. */
export type PoolHealth = { poolId: string; problem: PoolProblem | null; freeBytes: number | null }

type NamedPool = { id: string; name: string }
type Found = { health: PoolHealth; foundAtMs: number; failingSinceMs: number | undefined }

/** Anybody may ask how the pools are, as often as he likes; the pools are asked so seldom. */
const keepMs = 5000
/** Who waits for longer is told that the pool does not answer, which it may still do. */
const answerWithinMs = 2500
/** With less room than this, a pool is as good as full. */
const leastFreeBytes = 64 * 1024 * 1024

/**
 * How the pools are. Each is asked by one probe at a time, whoever wants to know, and what it said holds for some seconds.
 * What is wrong is logged when it begins, becomes something else, and ends.
 */
export class PoolChecks {
  readonly #probe: (poolId: string) => Promise<number | undefined>
  readonly #log: Log
  readonly #found = new Map<string, Found>()
  readonly #asking = new Map<string, Promise<Found>>()

  /** `probe` fails when a pool cannot be read and written; else it answers how many bytes it has room for. */
  constructor(probe: (poolId: string) => Promise<number | undefined>, log: Log) {
    this.#probe = probe
    this.#log = log
  }

  /** Never throws, and never takes longer than some seconds. */
  async check(pool: NamedPool): Promise<PoolHealth> {
    const known = this.#found.get(pool.id)
    if (known && performance.now() - known.foundAtMs < keepMs) return known.health
    const silent: PoolHealth = { poolId: pool.id, problem: 'UNREACHABLE', freeBytes: null }
    return within(
      this.#ask(pool).then(({ health }) => health),
      silent,
    )
  }

  /** For how long it has been known that a pool cannot be used; undefined when it can be, as it says now. */
  async failingForMs(pool: NamedPool): Promise<number | undefined> {
    const known = this.#found.get(pool.id)
    // That it was well a moment ago says nothing of an error since.
    const isKnown = known?.failingSinceMs !== undefined && performance.now() - known.foundAtMs < keepMs
    const { failingSinceMs } = isKnown ? known : await this.#ask(pool)
    return failingSinceMs === undefined ? undefined : performance.now() - failingSinceMs
  }

  /** Has a pool that is another one now asked anew. */
  forget(poolId: string): void {
    this.#found.delete(poolId)
  }

  #ask(pool: NamedPool): Promise<Found> {
    const asking = this.#asking.get(pool.id) ?? this.#find(pool).finally(() => this.#asking.delete(pool.id))
    this.#asking.set(pool.id, asking)
    return asking
  }

  async #find({ id: poolId, name }: NamedPool): Promise<Found> {
    const { error, ...state } = await this.#state(poolId)
    const { problem } = state
    const before = this.#found.get(poolId)
    const wasWrong = before?.health.problem ?? null
    if (problem !== null && problem !== wasWrong) {
      const facts = { err: error, poolId, problem }
      this.#log.error(facts, `the storage pool "${name}" cannot be used: ${reasonOf(error) ?? 'it is full'}`)
    } else if (problem === null && wasWrong !== null) {
      this.#log.info({ poolId }, `the storage pool "${name}" can be used again`)
    }
    const nowMs = performance.now()
    const failingSinceMs = problem === null ? undefined : (before?.failingSinceMs ?? nowMs)
    const found = { health: { poolId, ...state }, foundAtMs: nowMs, failingSinceMs }
    this.#found.set(poolId, found)
    return found
  }

  async #state(poolId: string): Promise<Omit<PoolHealth, 'poolId'> & { error?: unknown }> {
    try {
      const freeBytes = (await this.#probe(poolId)) ?? null
      return { problem: freeBytes !== null && freeBytes < leastFreeBytes ? 'STORAGE_FULL' : null, freeBytes }
    } catch (error) {
      return { problem: problemOf(error), freeBytes: null, error }
    }
  }
}

function within<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(otherwise), answerWithinMs)
    void answer.then((value) => {
      clearTimeout(timer)
      resolve(value)
    })
  })
}

/** What is wrong with a pool, by what it failed with. */
export function problemOf(error: unknown): PoolProblem {
  const cause = error instanceof AppError ? error.cause : error
  if (cause instanceof PoolFault) return cause.problem
  return error instanceof AppError && error.code === 'STORAGE_FULL' ? 'STORAGE_FULL' : 'FAILED'
}

function reasonOf(error: unknown): string | undefined {
  const cause = error instanceof AppError ? (error.cause ?? error) : error
  return cause instanceof Error ? cause.message : undefined
}
