import type { UploadGrant } from '../auth/verify.ts'
import type { PoolPolicy } from '../contract/pool.ts'
import type { CreateUploadRequest } from '../contract/upload.ts'
import type { Query } from '../db/connect.ts'
import { type PoolUser, requireContent, requirePool } from '../files/pool-policy.ts'

/** Who asks for an upload, and what their token says that they may have. */
export type Creator = PoolUser & { quotaBytes: number | undefined; grant: UploadGrant | undefined }

/**
 * Asks the pool, before anything is made of the request, and again in the transaction that makes it: then nobody changes the
 * pool's mind before that ends.
 */
export async function requireWelcome(
  query: Query,
  poolId: string,
  { creator, request }: { creator: Creator; request: CreateUploadRequest },
  options: { lock: boolean },
): Promise<PoolPolicy> {
  const { contentType, fileSize: sizeBytes, encryptPassword } = request
  const policy = await requirePool(query, poolId, creator, options)
  requireContent(policy, { contentType, sizeBytes, isEncrypted: encryptPassword !== undefined })
  return policy
}
