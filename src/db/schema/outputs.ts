import { bigint, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { bytea, moment } from './columns.ts'
import { pools } from './files.ts'

/**
 * What running tasks write into pools. A row is there before the first byte, so nothing that a killed run leaves is
 * unknown; it goes when its object is committed, or some time after its bytes were removed. A task may be gone before
 * its outputs are.
 */
export const taskOutputs = pgTable(
  'task_outputs',
  {
    id: uuid('id').primaryKey(),
    taskId: uuid('task_id').notNull(),
    epoch: integer('epoch').notNull(),
    poolId: uuid('pool_id')
      .notNull()
      .references(() => pools.id),
    /** The job's own word for it; unique among the finished ones of its task. */
    slot: text('slot'),
    /** Set once it is finished: its bytes are durable there. */
    key: text('key'),
    sizeBytes: bigint('size_bytes', { mode: 'number' }),
    sha256: bytea('sha256'),
    /** Of one that is not finished: what a later claim goes on from. */
    checkpoint: jsonb('checkpoint'),
    /** When its bytes were removed. It is kept for a while: a request of a claim that was lost may still reach the store. */
    discardedAt: moment('discarded_at'),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [index('task_outputs_task').on(table.taskId)],
)
