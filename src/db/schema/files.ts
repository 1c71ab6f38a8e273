import { sql } from 'drizzle-orm'
import { bigint, boolean, doublePrecision, index, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { bytea, moment } from './columns.ts'

/**
 * A place for bytes. `settings` holds what its kind needs to find them; never a credential. `policy` says what may go there.
 * The row stays when the pool is deleted, for the history refers to it.
 */
export const pools = pgTable('pools', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull(),
  kind: text('kind').notNull(),
  settings: jsonb('settings').notNull(),
  policy: jsonb('policy').notNull().default({}),
  /** How much of a quota a byte takes here. */
  costMultiplier: doublePrecision('cost_multiplier').notNull().default(1),
  /** Since when it takes no new files. */
  disabledAt: moment('disabled_at'),
  deletedAt: moment('deleted_at'),
  createdAt: moment('created_at').notNull().defaultNow(),
  updatedAt: moment('updated_at').notNull().defaultNow(),
})

/** A named group of an account's files. While it is shared, whoever knows its slug may read it. */
export const bundles = pgTable(
  'bundles',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    name: text('name').notNull(),
    description: text('description'),
    slug: text('slug'),
    isShared: boolean('is_shared').notNull().default(false),
    /** Who reads it must know the passcode of which this is the scrypt hash. */
    passcodeHash: text('passcode_hash'),
    /** From when it cannot be read by its slug any more. */
    expiredAt: moment('expired_at'),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [
    index('bundles_account').on(table.accountId, table.createdAt, table.id),
    uniqueIndex('bundles_slug').on(table.slug).where(sql`slug is not null`),
  ],
)

/** Bytes in a pool under a generated key; shared by the files that refer to them. */
export const objects = pgTable(
  'objects',
  {
    id: uuid('id').primaryKey(),
    poolId: uuid('pool_id')
      .notNull()
      .references(() => pools.id),
    key: text('key').notNull(),
    sizeBytes: bigint('size_bytes', { mode: 'number' }).notNull(),
    sha256: bytea('sha256').notNull(),
    /** The media type that its first bytes speak for; null when they speak for none, or nobody looked. */
    detectedType: text('detected_type'),
    /** Never to be shared with another upload: its bytes were encrypted on the way in. */
    isExclusive: boolean('is_exclusive').notNull().default(false),
    createdAt: moment('created_at').notNull().defaultNow(),
    /** Since when no file refers to it; its bytes are removed a grace period later. */
    orphanedAt: moment('orphaned_at'),
  },
  (table) => [
    index('objects_sha256').on(table.sha256),
    index('objects_orphaned').on(table.orphanedAt).where(sql`orphaned_at is not null`),
    index('objects_pool').on(table.poolId, table.id),
    // In the order in which stores list their keys.
    index('objects_place').on(table.poolId, sql`key collate "C"`),
  ],
)

/** What a person sees: a name for an object. */
export const files = pgTable(
  'files',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    objectId: uuid('object_id')
      .notNull()
      .references(() => objects.id),
    bundleId: uuid('bundle_id').references(() => bundles.id),
    name: text('name').notNull(),
    contentType: text('content_type').notNull(),
    /** The object's, repeated here for lists that are sorted by it. */
    sizeBytes: bigint('size_bytes', { mode: 'number' }).notNull(),
    tags: text('tags').array().notNull().default([]),
    expiredAt: moment('expired_at'),
    /** Since when it lies in the trash. */
    deletedAt: moment('deleted_at'),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [
    index('files_account_id').on(table.accountId, table.id),
    index('files_account_created').on(table.accountId, table.createdAt, table.id),
    index('files_account_updated').on(table.accountId, table.updatedAt, table.id),
    // Of a name only the beginning: an index entry has room for 2,700 bytes, and a name may have 4,096.
    index('files_account_name').on(table.accountId, sql`left(name, 200)`, table.id),
    index('files_account_size').on(table.accountId, table.sizeBytes, table.id),
    index('files_account_trash').on(table.accountId, table.deletedAt, table.id).where(sql`deleted_at is not null`),
    index('files_bundle').on(table.bundleId, table.id).where(sql`bundle_id is not null`),
    index('files_deleted').on(table.deletedAt).where(sql`deleted_at is not null`),
    index('files_expired').on(table.expiredAt).where(sql`expired_at is not null`),
    index('files_account_object').on(table.accountId, table.objectId),
    index('files_object').on(table.objectId),
  ],
)
