import { sql } from 'drizzle-orm'
import { bigint, index, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core'
import { bytea, moment } from './columns.ts'

/** A place for bytes. `settings` holds what its kind needs to find them; never a credential. */
export const pools = pgTable('pools', {
  id: uuid('id').primaryKey(),
  name: text('name').notNull(),
  kind: text('kind').notNull(),
  settings: jsonb('settings').notNull(),
  createdAt: moment('created_at').notNull().defaultNow(),
})

/** A named group of an account's files. */
export const bundles = pgTable(
  'bundles',
  {
    id: uuid('id').primaryKey(),
    accountId: uuid('account_id').notNull(),
    name: text('name').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [index('bundles_account').on(table.accountId)],
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
    createdAt: moment('created_at').notNull().defaultNow(),
    /** Since when no file refers to it; its bytes are removed a grace period later. */
    orphanedAt: moment('orphaned_at'),
  },
  (table) => [
    index('objects_sha256').on(table.sha256),
    index('objects_orphaned').on(table.orphanedAt).where(sql`orphaned_at is not null`),
    index('objects_pool').on(table.poolId, table.id),
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
    tags: text('tags').array().notNull().default([]),
    expiredAt: moment('expired_at'),
    /** Since when it lies in the trash. */
    deletedAt: moment('deleted_at'),
    createdAt: moment('created_at').notNull().defaultNow(),
    updatedAt: moment('updated_at').notNull().defaultNow(),
  },
  (table) => [
    index('files_account_id').on(table.accountId, table.id),
    index('files_deleted').on(table.deletedAt).where(sql`deleted_at is not null`),
    index('files_expired').on(table.expiredAt).where(sql`expired_at is not null`),
    index('files_account_object').on(table.accountId, table.objectId),
    index('files_object').on(table.objectId),
  ],
)
