import { z } from 'zod'
import { count, id } from './fields.ts'

/** Body of `PUT /api/admin/accounts/{id}/quota`: null is without limit. */
export const setQuotaRequest = z.strictObject({ limitBytes: z.int().min(0).nullable() })

/** The query of `GET /api/admin/usage`. */
export const listUsageQuery = z.strictObject({
  offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
})

/** Answer of `GET /api/quota`. Bytes are weighed with what one costs in its pool. */
export const quotaView = z
  .strictObject({
    limitBytes: count.nullable().describe('Null: without limit.'),
    source: z.enum(['admin', 'token', 'default']).describe('Who said so.'),
    usedBytes: count,
    reservedBytes: count,
    availableBytes: count.nullable(),
  })
  .meta({ id: 'Quota' })
export type QuotaView = z.output<typeof quotaView>

/** What an account has in one pool: bytes as they are, and what they count for. */
const poolUsageView = z
  .strictObject({
    poolId: id,
    poolName: z.string(),
    usedBytes: count,
    filesCount: count,
    reservedBytes: count.describe('By uploads that have not ended.'),
    uploadsCount: count,
    costMultiplier: z.number(),
    costBytes: count,
  })
  .meta({ id: 'PoolUsage' })
export type PoolUsageView = z.output<typeof poolUsageView>

/** Answer of `GET /api/admin/usage`: one for each account and pool. */
export const accountPoolUsage = poolUsageView.extend({ accountId: id }).meta({ id: 'AccountPoolUsage' })

/** Answer of `GET /api/usage`. */
export const usageView = quotaView.extend({ accountId: id, pools: z.array(poolUsageView) }).meta({ id: 'Usage' })
export type UsageView = z.output<typeof usageView>
