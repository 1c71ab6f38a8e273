import { customType, timestamp } from 'drizzle-orm/pg-core'

export const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })
export const xid8 = customType<{ data: string }>({ dataType: () => 'xid8' })
/** A point in time, with its time zone as Postgres keeps it: UTC. */
export const moment = (name: string) => timestamp(name, { withTimezone: true })
