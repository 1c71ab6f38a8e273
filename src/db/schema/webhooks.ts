import { sql } from 'drizzle-orm'
import { bigint, boolean, check, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytea, moment } from './columns.ts'

/** Where an account wants to be told of its events by HTTP. Its row is locked by whoever hands its deliveries to the engine. */
export const webhooks = pgTable(
  'webhooks',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    url: text('url').notNull(),
    description: text('description'),
    /** Null: all of them. */
    eventTypes: text('event_types').array(),
    enabled: boolean('enabled').notNull(),
    disabledReason: text('disabled_reason'),
    disabledAt: moment('disabled_at'),
    /** Sealed; the one before it counts beside it until a moment. */
    secret: bytea('secret').notNull(),
    previousSecret: bytea('previous_secret'),
    previousUntil: moment('previous_until'),
    /** A `pg_snapshot`: what it sees happened before there was the webhook, or before it was enabled. */
    since: text('since').notNull(),
    /** Attempts that failed since the last one that did not, and since when. */
    failures: integer('failures').notNull().default(0),
    failingSince: moment('failing_since'),
    /** While it fails, nothing is sent before this moment; then one attempt shows whether it still does. */
    restsUntil: moment('rests_until'),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [
    check('webhooks_previous', sql`(previous_secret is null) = (previous_until is null)`),
    index('webhooks_account').on(table.accountId, table.createdAt),
  ],
)

/**
 * One event for one webhook; its id is the `webhook-id` of every attempt. It holds all that is sent, for its task may be
 * deleted. A claim is the current dispatch, as long as the lease lasts.
 */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    /** The order of lists. */
    position: bigint('position', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    webhookId: uuid('webhook_id')
      .notNull()
      .references(() => webhooks.id, { onDelete: 'cascade' }),
    /** None for a test. */
    taskId: uuid('task_id'),
    seq: integer('seq'),
    type: text('type').notNull(),
    body: text('body').notNull(),
    status: text('status').notNull().default('pending'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: moment('next_attempt_at').notNull().defaultNow(),
    giveUpAt: moment('give_up_at').notNull(),
    dispatch: integer('dispatch').notNull().default(0),
    admittedAt: moment('admitted_at'),
    leaseExpiresAt: moment('lease_expires_at'),
    lastAttemptAt: moment('last_attempt_at'),
    lastStatus: integer('last_status'),
    lastError: text('last_error'),
    lastDurationMs: integer('last_duration_ms'),
    endedAt: moment('ended_at'),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [
    check('webhook_deliveries_status', sql`status in ('pending', 'delivered', 'dead')`),
    check('webhook_deliveries_ended', sql`(status = 'pending') = (ended_at is null)`),
    uniqueIndex('webhook_deliveries_event').on(table.webhookId, table.taskId, table.seq),
    index('webhook_deliveries_due')
      .on(table.webhookId, table.nextAttemptAt, table.position)
      .where(sql`status = 'pending' and admitted_at is null`),
    index('webhook_deliveries_admitted')
      .on(table.webhookId, table.admittedAt)
      .where(sql`status = 'pending' and admitted_at is not null`),
    index('webhook_deliveries_leased').on(table.leaseExpiresAt).where(sql`lease_expires_at is not null`),
    index('webhook_deliveries_listed').on(table.webhookId, table.position),
    index('webhook_deliveries_dead').on(table.webhookId, table.position).where(sql`status = 'dead'`),
    index('webhook_deliveries_past').on(table.endedAt).where(sql`ended_at is not null`),
  ],
)

/** How far the event log has been read for webhooks and the like: one row, and none while nobody wants to be told. */
export const notifyFeed = pgTable('notify_feed', {
  id: integer('id').primaryKey(),
  /** A `pg_snapshot`. */
  cursor: text('cursor').notNull(),
})
