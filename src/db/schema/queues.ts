import { bigint, doublePrecision, index, integer, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { bytea, moment } from './columns.ts'

/** The three queues. Its row lock makes admission to a band single-file; `turn` is the last turn that was given out. */
export const bands = pgTable('bands', {
  band: text('band').primaryKey(),
  turn: bigint('turn', { mode: 'number' }).notNull().default(0),
  /** Turns reach the engine as their distance from here, because it takes numbers up to 2^21 only. */
  base: bigint('base', { mode: 'number' }).notNull().default(0),
  pausedAt: moment('paused_at'),
})

/** Accounts with waiting tasks in a band, and the turn that each was given last. */
export const bandAccounts = pgTable(
  'band_accounts',
  {
    band: text('band').notNull(),
    accountId: uuid('account_id').notNull(),
    lastTurn: bigint('last_turn', { mode: 'number' }).notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.band, table.accountId] }),
    index('band_accounts_turn').on(table.band, table.lastTurn),
  ],
)

/** What happened in a band within one minute. */
export const bandMinutes = pgTable(
  'band_minutes',
  {
    band: text('band').notNull(),
    minute: moment('minute').notNull(),
    started: integer('started').notNull().default(0),
    completed: integer('completed').notNull().default(0),
    failed: integer('failed').notNull().default(0),
    /** Of those that began in it, how long the one had been ready that had been it longest. */
    longestWaitSeconds: doublePrecision('longest_wait_seconds').notNull().default(0),
  },
  (table) => [primaryKey({ columns: [table.band, table.minute] })],
)

/** Browsers that the board of the queues was opened to, by the hash of their cookie. */
export const boardSessions = pgTable('board_sessions', {
  tokenSha256: bytea('token_sha256').primaryKey(),
  accountId: uuid('account_id').notNull(),
  expiresAt: moment('expires_at').notNull(),
})

/** Worker processes, seen alive by their heartbeat. */
export const workers = pgTable('workers', {
  id: text('id').primaryKey(),
  bands: text('bands').array().notNull(),
  concurrency: integer('concurrency').notNull(),
  types: text('types').array().notNull(),
  /** What the worker can do of a type, where that depends on what is installed: type → parameter → values. */
  offers: jsonb('offers').notNull().default({}),
  startedAt: moment('started_at').notNull().defaultNow(),
  seenAt: moment('seen_at').notNull().defaultNow(),
})

/** What one process at a time may do: `holder` does it until `until`. A lease and not a lock, since a frozen process lets go of no lock. */
export const elections = pgTable('elections', {
  office: text('office').primaryKey(),
  holder: text('holder'),
  until: moment('until').notNull(),
})
