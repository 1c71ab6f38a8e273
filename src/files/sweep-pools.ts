/** What became of one thing that lies in a pool. `skipped`: it is somebody else's now. */
export type Swept = 'done' | 'skipped' | 'failed'

const batch = 500
/** So many are worked at at once: most of the time each waits for its pool. Each takes a connection to the ledger. */
const atOnce = 4

/**
 * Works off what is found, a batch at a time, as long as there is more. A pool that fails at one thing is left alone until the
 * next sweep, so that one that is away does not hold up the others. Answers how many were done.
 */
export async function sweepPools<T extends { poolId: string }>(
  find: (leftAlone: readonly string[], limit: number) => Promise<T[]>,
  work: (one: T) => Promise<Swept>,
): Promise<number> {
  const leftAlone = new Set<string>()
  let total = 0
  for (;;) {
    const found = await find([...leftAlone], batch)
    const before = leftAlone.size
    let done = 0
    await eachOf(found, async (one) => {
      if (leftAlone.has(one.poolId)) return
      const outcome = await work(one)
      if (outcome === 'done') done++
      if (outcome === 'failed') leftAlone.add(one.poolId)
    })
    total += done
    const isMore = leftAlone.size > before || (found.length === batch && done > 0)
    if (!isMore) return total
  }
}

/** Does `work` for each of some things, a few at once. Fails with the first failure, when nothing is under way any more. */
export async function eachOf<T>(things: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const waiting = [...things]
  const lane = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) await work(one)
  }
  const lanes = await Promise.allSettled(Array.from({ length: atOnce }, lane))
  const broken = lanes.find((one) => one.status === 'rejected')
  if (broken) throw broken.reason
}
