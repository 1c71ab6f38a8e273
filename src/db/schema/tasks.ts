import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { moment, xid8 } from './columns.ts'

/**
 * The ledger of work. What the columns mean and how they change is in docs/task-states.md. A task is owned by the claim
 * whose epoch it carries while `leaseExpiresAt` (database time) lies ahead.
 */
export const tasks = pgTable(
  'tasks',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    type: text('type').notNull(),
    name: text('name').notNull(),
    description: text('description'),
    status: text('status').notNull(),
    idleStatus: text('idle_status').notNull().default('Pending'),
    statusMessage: text('status_message'),
    progress: doublePrecision('progress').notNull().default(0),
    parameters: jsonb('parameters').notNull(),
    /** The pools that its parameters name. The trigger `tasks_place` writes it. */
    poolIds: text('pool_ids').array().notNull(),
    checkpoint: jsonb('checkpoint'),
    /** Some of its parameters are sealed in task_secrets, or were. */
    hasSecrets: boolean('has_secrets').notNull().default(false),
    /** Those of its creator's token that a pool asks for; `*` for an administrator's. */
    permissions: text('permissions').array(),
    results: jsonb('results'),
    errorCode: text('error_code'),
    errorMessage: text('error_message'),
    priority: smallint('priority').notNull().default(50),
    /** The trigger `tasks_place` writes it from the priority, and whoever changes that. */
    band: text('band').notNull(),
    estimatedDurationSeconds: bigint('estimated_duration_seconds', { mode: 'number' }),
    attempts: integer('attempts').notNull().default(0),
    runnable: boolean('runnable').notNull().default(false),
    /** How many tasks it still waits for. */
    waitsFor: integer('waits_for').notNull().default(0),
    /** Others wait for it, so its end has to look for them. */
    isAwaited: boolean('is_awaited').notNull().default(false),
    readyAt: moment('ready_at').notNull().defaultNow(),
    /** Order within an account and band: when it became ready, in milliseconds, less what its priority is worth. */
    queueKey: bigint('queue_key', { mode: 'number' }).notNull().default(0),
    dispatch: integer('dispatch').notNull().default(0),
    admittedAt: moment('admitted_at'),
    /** The turn in its band at which the fair order lets it run. */
    turn: bigint('turn', { mode: 'number' }),
    epoch: integer('epoch').notNull().default(0),
    claimedBy: text('claimed_by'),
    leaseExpiresAt: moment('lease_expires_at'),
    lastSeq: integer('last_seq').notNull().default(0),
    /** The schedule that made it, also when that is gone; and the tick it stands for, none when it was run by hand. */
    scheduleId: uuid('schedule_id'),
    scheduledFor: moment('scheduled_for'),
    /** The trace it is part of, when its creator's request was traced: `traceparent`, and behind a space `tracestate` (W3C Trace Context). */
    traceparent: text('traceparent'),
    startedAt: moment('started_at'),
    completedAt: moment('completed_at'),
    expiredAt: moment('expired_at'),
    lastActivity: moment('last_activity').notNull().defaultNow(),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [
    check(
      'tasks_status',
      sql`status in ('Pending', 'InProgress', 'Paused', 'Completed', 'Failed', 'Cancelled', 'Expired')`,
    ),
    check('tasks_priority', sql`priority between 0 and 100`),
    check('tasks_claim', sql`(claimed_by is null) = (lease_expires_at is null)`),
    check('tasks_runnable', sql`not runnable or (status in ('Pending', 'InProgress') and waits_for = 0)`),
    index('tasks_waiting')
      // The last two are there to be counted by: a backlog is read without its rows.
      .on(table.band, table.accountId, table.queueKey, table.id, table.readyAt, table.type)
      .where(sql`runnable and admitted_at is null`),
    index('tasks_admitted')
      .on(table.band, table.turn)
      .where(sql`runnable and admitted_at is not null and lease_expires_at is null`),
    index('tasks_leased').on(table.leaseExpiresAt).where(sql`lease_expires_at is not null`),
    index('tasks_deadline')
      .on(table.expiredAt)
      .where(sql`expired_at is not null and status in ('Pending', 'InProgress', 'Paused')`),
    index('tasks_ended').on(table.completedAt).where(sql`completed_at is not null`),
    // One for all lists, for every state of a task writes a row of each index anew. The type is there to be sorted out by.
    index('tasks_listed').on(table.accountId, table.status, table.lastActivity, table.type),
    uniqueIndex('tasks_tick').on(table.scheduleId, table.scheduledFor).where(sql`schedule_id is not null`),
    index('tasks_of_schedule_open')
      .on(table.scheduleId)
      .where(sql`schedule_id is not null and status in ('Pending', 'InProgress', 'Paused')`),
    // For the lists and figures of uploads, which an account may have among any number of other tasks.
    index('tasks_upload_activity').on(table.accountId, table.lastActivity, table.id).where(sql`type = 'FileUpload'`),
    index('tasks_upload_created').on(table.accountId, table.createdAt, table.id).where(sql`type = 'FileUpload'`),
    index('tasks_upload_updated').on(table.accountId, table.updatedAt, table.id).where(sql`type = 'FileUpload'`),
    index('tasks_upload_status')
      .on(table.accountId, table.status, table.progress, table.id)
      .where(sql`type = 'FileUpload'`),
  ],
)

/** A task that waits for another one to complete. */
export const taskDependencies = pgTable(
  'task_dependencies',
  {
    taskId: uuid('task_id')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    dependsOn: uuid('depends_on')
      .notNull()
      .references(() => tasks.id, { onDelete: 'cascade' }),
  },
  (table) => [
    primaryKey({ columns: [table.taskId, table.dependsOn] }),
    index('task_dependencies_on').on(table.dependsOn),
  ],
)

/**
 * Facts about tasks, numbered per task. `xid` is the transaction that wrote the row: a follower asks for what its last
 * snapshot could not see, because ids are handed out in another order than transactions commit. Without a foreign key,
 * whose check cost a quarter of what a task costs the ledger: an event is written by the statement that changes its task's
 * row, and a trigger (the migration events-go-along) removes those of tasks that are removed.
 */
export const taskEvents = pgTable(
  'task_events',
  {
    taskId: uuid('task_id').notNull(),
    seq: integer('seq').notNull(),
    accountId: uuid('account_id').notNull(),
    type: text('type').notNull(),
    data: jsonb('data').notNull(),
    xid: xid8('xid').notNull().default(sql`pg_current_xact_id()`),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.taskId, table.seq] }),
    index('task_events_xid').on(table.xid),
    index('task_events_account_xid').on(table.accountId, table.xid),
  ],
)
