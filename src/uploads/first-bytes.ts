import { headBytes } from '../files/accept-bytes.ts'
import { policyOf, requireBytes } from '../files/pool-policy.ts'
import { HeadKeeper } from '../files/head.ts'
import type { Pools } from '../files/pools.ts'
import type { ChunkSlot } from '../storage/contract.ts'
import type { UploadPlan } from './shared-plans.ts'

/** What a pool has to say of an upload's first bytes, while they stream by. */
export type FirstBytes = {
  take: (piece: Buffer) => void
  /** Throws TYPE_NOT_ACCEPTED. */
  judge: () => Promise<void>
}

/**
 * Watches an upload's first chunk when its pool asks for types, so that nobody sends the rest for nothing. It only spares
 * that: short chunks are let by, and so is what a pool asks for since some seconds. Finishing looks at every upload's beginning,
 * however it came. Undefined where there is nothing to watch.
 */
export function watchFirstBytes(
  pools: Pick<Pools, 'peek'>,
  plan: UploadPlan,
  { index, sizeBytes }: ChunkSlot,
): FirstBytes | undefined {
  // A beginning that is cut off may be taken for something else.
  const isTelling = index === 0 && (sizeBytes >= headBytes || plan.chunksCount === 1)
  if (!isTelling) return undefined
  const pool = pools.peek(plan.poolId)
  const acceptedTypes = pool && policyOf(pool).acceptedTypes
  if (!acceptedTypes) return undefined
  const keeper = new HeadKeeper()
  const content = { contentType: plan.contentType, isEncrypted: false }
  return {
    take: (piece) => keeper.take(piece),
    judge: () => requireBytes({ acceptedTypes }, content, keeper.head()),
  }
}
