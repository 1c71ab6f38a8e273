import { pgTable, uuid } from 'drizzle-orm/pg-core'
import { bytea, moment } from './columns.ts'
import { tasks } from './tasks.ts'

/** Parameters of a task that nobody may read, sealed under the server's key. Erased when the task has ended. */
export const taskSecrets = pgTable('task_secrets', {
  taskId: uuid('task_id')
    .primaryKey()
    .references(() => tasks.id, { onDelete: 'cascade' }),
  sealed: bytea('sealed').notNull(),
  createdAt: moment('created_at').notNull().defaultNow(),
})
