import { sql } from 'drizzle-orm'
import { boolean, check, index, integer, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { moment } from './columns.ts'

/**
 * What makes tasks again and again. `nextRunAt` is the next tick: it moves on in the transaction that makes the tick's
 * task; null when none is to come. Tasks carry the schedule's id also when it is gone.
 */
export const schedules = pgTable(
  'schedules',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    name: text('name').notNull(),
    cron: text('cron'),
    timeZone: text('time_zone'),
    intervalSeconds: integer('interval_seconds'),
    /** Where an interval is counted from. */
    anchorAt: moment('anchor_at').notNull(),
    startsAt: moment('starts_at'),
    endsAt: moment('ends_at'),
    enabled: boolean('enabled').notNull(),
    missed: text('missed').notNull(),
    overlap: text('overlap').notNull(),
    type: text('type').notNull(),
    /** The fields of its tasks but the type. */
    template: jsonb('template').notNull(),
    /** As a task's: of whoever wrote the template. */
    permissions: text('permissions').array(),
    nextRunAt: moment('next_run_at'),
    lastRunAt: moment('last_run_at'),
    lastTaskId: uuid('last_task_id'),
    lastErrorCode: text('last_error_code'),
    lastErrorMessage: text('last_error_message'),
    lastErrorAt: moment('last_error_at'),
    lastSkipReason: text('last_skip_reason'),
    lastSkipTick: moment('last_skip_tick'),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [
    check(
      'schedules_timing',
      sql`(cron is null) = (interval_seconds is not null) and (cron is null) = (time_zone is null)`,
    ),
    check('schedules_missed', sql`missed in ('skip', 'runOnce')`),
    check('schedules_overlap', sql`overlap in ('allow', 'skip')`),
    check('schedules_next', sql`next_run_at is null or enabled`),
    index('schedules_due').on(table.nextRunAt).where(sql`next_run_at is not null`),
    index('schedules_account').on(table.accountId, table.createdAt),
  ],
)
