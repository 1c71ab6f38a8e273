import { z } from 'zod'

/** Body of `PUT /api/admin/accounts/{id}/quota`: null is without limit. */
export const setQuotaRequest = z.strictObject({ limitBytes: z.int().min(0).nullable() })

/** The query of `GET /api/admin/usage`. */
export const listUsageQuery = z.strictObject({
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
})

/** Answer of `GET /api/quota`. Bytes are weighed with what one costs in its pool; null: without limit. */
export type QuotaView = {
  limitBytes: number | null
  /** Who said so. */
  source: 'admin' | 'token' | 'default'
  usedBytes: number
  reservedBytes: number
  availableBytes: number | null
}

/** What an account has in one pool: bytes as they are, and what they count for. */
export type PoolUsageView = {
  poolId: string
  poolName: string
  usedBytes: number
  filesCount: number
  /** By uploads that have not ended. */
  reservedBytes: number
  uploadsCount: number
  costMultiplier: number
  costBytes: number
}

/** Answer of `GET /api/usage`. */
export type UsageView = QuotaView & { accountId: string; pools: PoolUsageView[] }
