import { listPools } from '../db/pools.ts'
import { checkFilelessObjects, checkUsage } from '../files/check-books.ts'
import { checkObjects, type PoolCounts } from '../files/check-objects.ts'
import { type Finding, Findings } from '../files/findings.ts'
import { problemOf } from '../files/pool-checks.ts'
import type { ControlDeps } from '../tasks/control.ts'
import { checkEndedStaging, checkLostStaging, checkUnknownStaging } from './check-staging.ts'
import type { ClearDeps } from './clear.ts'

export type Examination = {
  /** `findings`: there is something wrong that is not mended. `unchecked`: something could not be looked at. */
  verdict: 'sound' | 'findings' | 'unchecked'
  mends: boolean
  pools: (PoolCounts & { poolId: string; name: string })[]
  findings: Finding[]
  unchecked: { poolId: string; name: string; reason: string }[]
}

/**
 * Compares the ledger with the pools, and its figures with each other, while everything runs. Changes nothing unless it `mends`.
 * However much there is, it holds a page of it. A pool that cannot be looked at holds up no other one. Fails with the ledger.
 */
export async function examine(
  deps: ControlDeps & ClearDeps,
  { graceMs, mends }: { graceMs: number; mends: boolean },
): Promise<Examination> {
  const { sql, log } = deps
  const findings = new Findings()
  const pools: Examination['pools'] = []
  const unchecked: Examination['unchecked'] = []
  for (const { id: poolId, name } of await listPools(sql)) {
    const leave = (reason: string) => void unchecked.push({ poolId, name, reason })
    try {
      const storage = await deps.pools.open(poolId)
      const check = { sql, poolId, storage, graceMs, mends }
      const own = new Findings()
      const counts = await checkObjects({ ...check, findings: own })
      if (counts.objects > 0 && counts.storedObjects === 0) {
        leave(`it is empty, and the ledger has ${counts.objects} objects in it: is it the right place, and mounted?`)
        continue
      }
      findings.take(own)
      pools.push({ poolId, name, ...counts })
      await checkUnknownStaging({ ...check, findings })
      // In a pool that has nothing, everything looks lost: nobody's upload is ended for that.
      await checkLostStaging(deps, { ...check, findings, mends: mends && counts.storedObjects > 0 })
    } catch (error) {
      if (problemOf(error) === 'FAILED') log.warn({ err: error, poolId }, 'a pool could not be examined')
      leave(`it cannot be read (${problemOf(error)})`)
    }
  }
  await checkEndedStaging({ ...deps, findings }, { graceMs, mends })
  await checkFilelessObjects({ ...deps, findings }, { graceMs, mends })
  await checkUsage({ sql, log, findings }, { mends })
  const list = findings.list()
  const isSound = list.every(({ count, mended }) => count === mended)
  const verdict = unchecked.length > 0 ? 'unchecked' : isSound ? 'sound' : 'findings'
  return { verdict, mends, pools, findings: list, unchecked }
}
