import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { bytea, moment } from './columns.ts'
import { pools, bundles, files } from './files.ts'
import { tasks } from './tasks.ts'

/** The first eight hexadecimal digits of a WAL file's name are its timeline. */
const walTimeline = sql`('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int`

/** The upload half of a task of type FileUpload. `phase` is receiving, finishing, or done. */
export const uploads = pgTable(
  'uploads',
  {
    taskId: uuid('task_id')
      .primaryKey()
      .references(() => tasks.id, { onDelete: 'cascade' }),
    /** The task's, repeated here for the lists that are sorted by what only an upload has. */
    accountId: uuid('account_id').notNull(),
    fileName: text('file_name').notNull(),
    fileSizeBytes: bigint('file_size_bytes', { mode: 'number' }).notNull(),
    contentType: text('content_type').notNull(),
    chunkSizeBytes: integer('chunk_size_bytes').notNull(),
    chunksCount: integer('chunks_count').notNull(),
    chunksUploaded: integer('chunks_uploaded').notNull().default(0),
    poolId: uuid('pool_id')
      .notNull()
      .references(() => pools.id),
    bundleId: uuid('bundle_id').references(() => bundles.id),
    declaredSha256: bytea('declared_sha256').notNull(),
    fileExpiredAt: moment('file_expired_at'),
    sinkKey: text('sink_key').notNull(),
    /** False once the pool holds nothing of this upload's staging any more. */
    sinkOpen: boolean('sink_open').notNull().default(true),
    phase: text('phase').notNull().default('receiving'),
    /** A chunk's lease was taken over, so a late writer may still hold the staging file open. */
    tainted: boolean('tainted').notNull().default(false),
    /** The timeline of the ledger's WAL when the upload began: another one tells of a failover. */
    walTimeline: integer('wal_timeline').notNull().default(walTimeline),
    /** What it holds of its account's quota until it ends, in the pool that it goes to. */
    reservedBytes: bigint('reserved_bytes', { mode: 'number' }),
    /** Chunks that the last finishing found damaged and opened again. */
    damagedChunks: integer('damaged_chunks').array(),
    fileId: uuid('file_id').references(() => files.id, { onDelete: 'set null' }),
  },
  (table) => [
    check('uploads_phase', sql`phase in ('receiving', 'finishing', 'done')`),
    index('uploads_bundle').on(table.bundleId).where(sql`bundle_id is not null`),
    index('uploads_open').on(table.poolId).where(sql`phase <> 'done'`),
    index('uploads_sink_open').on(table.taskId).where(sql`sink_open`),
    // Of a name only the beginning: an index entry has room for 2,700 bytes, and a name may have 4,096.
    index('uploads_account_name').on(table.accountId, sql`left(file_name, 200)`, table.taskId),
    index('uploads_account_size').on(table.accountId, table.fileSizeBytes, table.taskId),
  ],
)

/** One row per chunk that is being written (`leaseToken` set) or safely there (`receivedAt` set). */
export const uploadChunks = pgTable(
  'upload_chunks',
  {
    taskId: uuid('task_id')
      .notNull()
      .references(() => uploads.taskId, { onDelete: 'cascade' }),
    index: integer('index').notNull(),
    checksum: bytea('checksum'),
    leaseToken: uuid('lease_token'),
    leaseExpiresAt: moment('lease_expires_at'),
    receivedAt: moment('received_at'),
  },
  (table) => [
    primaryKey({ columns: [table.taskId, table.index] }),
    check('upload_chunks_state', sql`(received_at is null) = (lease_token is not null)`),
  ],
)

/** Which bytes of its file an upload's client is to show that it has, to be given the file without sending it. */
export const uploadChallenges = pgTable('upload_challenges', {
  taskId: uuid('task_id')
    .primaryKey()
    .references(() => uploads.taskId, { onDelete: 'cascade' }),
  nonce: bytea('nonce').notNull(),
  ranges: jsonb('ranges').notNull(),
  expiresAt: moment('expires_at').notNull(),
  /** When a proof came. Nobody else may send one; the row goes once that is answered. */
  takenAt: moment('taken_at'),
})

/** What a backend gives a browser to upload with: a secret, of which this is the SHA-256, for one upload or one bundle. */
export const uploadTokens = pgTable(
  'upload_tokens',
  {
    id: uuid('id').primaryKey(),
    tokenSha256: bytea('token_sha256').notNull(),
    accountId: uuid('account_id').notNull(),
    /** Those of the token that it was made with. */
    permissions: text('permissions').array().notNull(),
    taskId: uuid('task_id').references(() => uploads.taskId, { onDelete: 'cascade' }),
    bundleId: uuid('bundle_id').references(() => bundles.id, { onDelete: 'cascade' }),
    maxBytes: bigint('max_bytes', { mode: 'number' }),
    usedBytes: bigint('used_bytes', { mode: 'number' }).notNull().default(0),
    expiresAt: moment('expires_at').notNull(),
    createdAt: moment('created_at').notNull().defaultNow(),
  },
  (table) => [
    check('upload_tokens_one', sql`(task_id is null) = (bundle_id is not null and max_bytes is not null)`),
    uniqueIndex('upload_tokens_sha256').on(table.tokenSha256),
    index('upload_tokens_account').on(table.accountId, table.createdAt),
    index('upload_tokens_task').on(table.taskId).where(sql`task_id is not null`),
    index('upload_tokens_bundle').on(table.bundleId).where(sql`bundle_id is not null`),
    index('upload_tokens_expires').on(table.expiresAt),
  ],
)
