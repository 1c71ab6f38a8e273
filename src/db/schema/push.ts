import { index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytea, moment } from './columns.ts'

/** Where an account's people want to be notified: a browser, a phone. */
export const pushSubscriptions = pgTable(
  'push_subscriptions',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    transport: text('transport').notNull(),
    /** Whose service it is, for people to know it by. */
    host: text('host').notNull(),
    /** Sealed: who has it can notify. */
    address: bytea('address').notNull(),
    /** Knows the same address again. */
    addressSha256: bytea('address_sha256').notNull(),
    /** A `pg_snapshot`: what it sees happened before. */
    since: text('since').notNull(),
    expiresAt: moment('expires_at'),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('push_subscriptions_address').on(table.transport, table.addressSha256),
    index('push_subscriptions_account').on(table.accountId, table.createdAt),
  ],
)

/** One event to be notified of to one subscription; gone once it was. Who takes it puts off its next attempt. */
export const pushNotices = pgTable(
  'push_notices',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    subscriptionId: uuid('subscription_id')
      .notNull()
      .references(() => pushSubscriptions.id, { onDelete: 'cascade' }),
    /** None for a test. */
    taskId: uuid('task_id'),
    seq: integer('seq'),
    type: text('type').notNull(),
    data: jsonb('data').notNull(),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: moment('next_attempt_at').notNull().defaultNow(),
    giveUpAt: moment('give_up_at').notNull(),
  },
  (table) => [
    uniqueIndex('push_notices_event').on(table.subscriptionId, table.taskId, table.seq),
    index('push_notices_due').on(table.nextAttemptAt),
  ],
)

/** API processes that say who is connected to them, seen alive by their heartbeat. */
export const presenceProcesses = pgTable('presence_processes', {
  id: text('id').primaryKey(),
  seenAt: moment('seen_at').notNull().defaultNow(),
})

/** The accounts that somebody is connected of. */
export const presence = pgTable(
  'presence',
  {
    processId: text('process_id')
      .notNull()
      .references(() => presenceProcesses.id, { onDelete: 'cascade' }),
    accountId: uuid('account_id').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.processId, table.accountId] }),
    index('presence_account').on(table.accountId),
  ],
)
