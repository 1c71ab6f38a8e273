import { type FaultyStore, startFaultyStore } from './faulty-store.ts'
import { s3PoolAt } from './s3-pool.ts'
import { openS3Place, type S3Place } from './s3-store.ts'
import { openStage, type Stage, type StageOptions } from './stage.ts'

export type FaultyS3Stage = { place: S3Place; faulty: FaultyStore; stage: Stage; env: Record<string, string> }

/** A stage with an S3 pool behind a network that can be told to break. `env` has the pool's credentials. */
export async function openFaultyS3Stage(poolId: string, options: StageOptions = {}): Promise<FaultyS3Stage> {
  const place = await openS3Place()
  const faulty = await startFaultyStore(place.endpoint)
  const { settings, env } = s3PoolAt({ ...place, endpoint: faulty.endpoint })
  const pools = JSON.stringify([{ id: poolId, name: 'S3', kind: 's3', settings }])
  const stage = await openStage({ ...options, env: { STORAGE_POOLS: pools, ...env, ...options.env } })
  return { place, faulty, stage, env }
}
