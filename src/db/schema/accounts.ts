import { bigint, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { bytea, moment } from './columns.ts'
import { bundles, pools } from './files.ts'

/**
 * What an account may have in all, by an administrator's word and by its tokens'; null where nobody said anything. Whoever
 * changes the account's usage holds this row, so that no two of them think of the same free room.
 */
export const accountQuotas = pgTable('account_quotas', {
  accountId: uuid('account_id').primaryKey(),
  adminLimitBytes: bigint('admin_limit_bytes', { mode: 'number' }),
  tokenLimitBytes: bigint('token_limit_bytes', { mode: 'number' }),
})

/** What an account has in a pool, the trash included, and what its uploads will need there. */
export const poolUsage = pgTable(
  'pool_usage',
  {
    accountId: uuid('account_id').notNull(),
    poolId: uuid('pool_id')
      .notNull()
      .references(() => pools.id),
    usedBytes: bigint('used_bytes', { mode: 'number' }).notNull().default(0),
    filesCount: bigint('files_count', { mode: 'number' }).notNull().default(0),
    reservedBytes: bigint('reserved_bytes', { mode: 'number' }).notNull().default(0),
    uploadsCount: bigint('uploads_count', { mode: 'number' }).notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.poolId] }), index('pool_usage_pool').on(table.poolId)],
)

/**
 * How many tasks an account has that have not ended, uploads aside: at most so many, since ends are not noted, but what was
 * counted, and all that were opened since.
 */
export const openTasks = pgTable('open_tasks', {
  accountId: uuid('account_id').primaryKey(),
  atMost: bigint('at_most', { mode: 'number' }).notNull(),
  countedAt: moment('counted_at').notNull(),
})

/** How often somebody tried something within a stretch of time, for what may be tried only so often. */
export const attempts = pgTable(
  'attempts',
  {
    scope: text('scope').notNull(),
    subject: text('subject').notNull(),
    startedAt: moment('started_at').notNull().defaultNow(),
    count: integer('count').notNull().default(1),
  },
  (table) => [primaryKey({ columns: [table.scope, table.subject] }), index('attempts_started').on(table.startedAt)],
)

/** Who gave a bundle's passcode may read it for a while with a token, of which this is the SHA-256. */
export const bundleAccesses = pgTable(
  'bundle_accesses',
  {
    tokenSha256: bytea('token_sha256').primaryKey(),
    bundleId: uuid('bundle_id')
      .notNull()
      .references(() => bundles.id, { onDelete: 'cascade' }),
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [index('bundle_accesses_bundle').on(table.bundleId)],
)
