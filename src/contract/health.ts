import { z } from 'zod'
import { count, id } from './fields.ts'

const status = z.enum(['ok', 'unavailable'])
const checks = { status, database: z.boolean(), engine: z.boolean(), workers: count.describe('How many are alive.') }
const queue = z.strictObject({
  waiting: count,
  active: count,
  oldestWaitSeconds: z.number().min(0).describe('For how long the longest waiting task has been ready.'),
  paused: z.boolean(),
  workers: count.describe('How many serve it.'),
})

/** Answer of `GET /health/live`. */
export const livenessView = z.strictObject({ status: z.literal('ok') })

/** Answer of `GET /health/ready`. */
export const readinessView = z.strictObject(checks).meta({ id: 'Readiness' })

/** Answer of `GET /health/uploads`. What could not be asked in time is left out. */
export const uploadHealthView = z
  .strictObject({
    ...checks,
    storage: z.boolean().describe('Whether the default pool can take files.'),
    pools: z
      .array(z.strictObject({ poolId: id, problem: z.string().nullable(), freeBytes: count.nullable() }))
      .optional(),
    queues: z.strictObject({ high: queue, normal: queue, low: queue }).optional(),
    unservedTypes: z
      .array(z.strictObject({ type: z.string(), waiting: count }))
      .optional()
      .describe('Task types that wait though no live worker knows them.'),
  })
  .meta({ id: 'UploadHealth' })
