import { sql } from 'drizzle-orm'
import { bigint, boolean, index, pgTable, smallint, text, uuid } from 'drizzle-orm/pg-core'
import { moment } from './columns.ts'

/**
 * Who did what to which thing from where. Rows are added and never changed: a trigger refuses that, and refuses to remove one
 * but to the sweep of what is past its retention.
 */
export const auditEntries = pgTable(
  'audit_entries',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    at: moment('at').notNull(),
    /** Null: somebody without an account, who came by a share link. */
    accountId: uuid('account_id'),
    isAdmin: boolean('is_admin').notNull(),
    /** The method and the path of the route, such as `POST /tasks/:taskId/pause`; or `SHARE`, `UNSHARE` and the path. */
    action: text('action').notNull(),
    /** The ids that the path names, and those of what was made. */
    thingIds: text('thing_ids').array().notNull(),
    /** What was answered, and the code when it was a refusal. */
    status: smallint('status').notNull(),
    code: text('code'),
    address: text('address').notNull(),
    requestId: text('request_id').notNull(),
  },
  (table) => [
    index('audit_entries_account').on(table.accountId, table.id),
    index('audit_entries_at').on(table.at),
    index('audit_entries_things').using('gin', sql`${table.thingIds}`),
  ],
)
