import { pgTable, text } from 'drizzle-orm/pg-core'
import { moment } from './columns.ts'

/** The servers whose ledger this has been, the last one added being where it is: transactions are numbered per server. */
export const ledgers = pgTable('ledgers', {
  server: text('server').primaryKey(),
  adoptedAt: moment('adopted_at').notNull().defaultNow(),
})
