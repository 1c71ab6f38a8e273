/** What became of one thing that lies in a pool. `skipped`: it is somebody else's now. */
export type Swept = 'done' | 'skipped' | 'failed'

const batch = 100

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
    for (const one of found) {
      if (leftAlone.has(one.poolId)) continue
      const outcome = await work(one)
      if (outcome === 'done') done++
      if (outcome === 'failed') leftAlone.add(one.poolId)
    }
    total += done
    const isMore = leftAlone.size > before || (found.length === batch && done > 0)
    if (!isMore) return total
  }
}
