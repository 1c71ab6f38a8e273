import type { Query } from './connect.ts'

export type UploadTokenRow = {
  id: string
  accountId: string
  permissions: string[]
  taskId: string | null
  bundleId: string | null
  maxBytes: number | null
  usedBytes: number
  expiresAt: Date
  createdAt: Date
}

const columns = (query: Query) => query`
  id, account_id, permissions, task_id, bundle_id, max_bytes, used_bytes, expires_at, created_at`

export type NewUploadToken = Pick<
  UploadTokenRow,
  'id' | 'accountId' | 'permissions' | 'taskId' | 'bundleId' | 'maxBytes'
> & {
  tokenSha256: Buffer
  expiresInMs: number
}

/** Adds a token unless its account has `limit` that have not expired; undefined then. */
export async function insertUploadToken(
  query: Query,
  token: NewUploadToken,
  limit: number,
): Promise<UploadTokenRow | undefined> {
  const [row] = await query<UploadTokenRow[]>`
    insert into upload_tokens (id, token_sha256, account_id, permissions, task_id, bundle_id, max_bytes, expires_at)
    select ${token.id}, ${token.tokenSha256}, ${token.accountId}, ${token.permissions}::text[], ${token.taskId}, ${token.bundleId},
      ${token.maxBytes}, now() + ${token.expiresInMs} * interval '1 millisecond'
    where (select count(*) from upload_tokens where account_id = ${token.accountId} and expires_at > now()) < ${limit}
    returning ${columns(query)}`
  return row
}

/** The token with this SHA-256, and whether its time is over. */
export async function findUploadToken(
  query: Query,
  tokenSha256: Buffer,
): Promise<(UploadTokenRow & { isExpired: boolean }) | undefined> {
  const [row] = await query<(UploadTokenRow & { isExpired: boolean })[]>`
    select ${columns(query)}, expires_at <= now() as is_expired from upload_tokens where token_sha256 = ${tokenSha256}`
  return row
}

/** Those of an account that have not expired, the newest first. */
export async function listUploadTokens(
  query: Query,
  { accountId, offset, limit }: { accountId: string; offset: number; limit: number },
): Promise<{ tokens: UploadTokenRow[]; total: number }> {
  const isOpen = query`account_id = ${accountId} and expires_at > now()`
  const [tokens, [{ total }]] = await Promise.all([
    query<UploadTokenRow[]>`
      select ${columns(query)} from upload_tokens where ${isOpen} order by created_at desc, id offset ${offset} limit ${limit}`,
    query<[{ total: number }]>`select count(*)::int as total from upload_tokens where ${isOpen}`,
  ])
  return { tokens, total }
}

export async function deleteUploadToken(
  query: Query,
  { id, accountId }: { id: string; accountId: string },
): Promise<boolean> {
  const rows = await query`delete from upload_tokens where id = ${id} and account_id = ${accountId}`
  return rows.count === 1
}

/** Takes bytes off what a token may begin. Answers what it had before when they are too many, or 'gone'. */
export async function takeTokenBytes(
  query: Query,
  tokenId: string,
  sizeBytes: number,
): Promise<'taken' | 'gone' | { maxBytes: number; usedBytes: number }> {
  const [row] = await query<{ maxBytes: number; usedBytes: number; isTaken: boolean }[]>`
    with held as (
      select id, max_bytes, used_bytes, used_bytes + ${sizeBytes} <= max_bytes as is_taken from upload_tokens
      where id = ${tokenId} and expires_at > now() for no key update
    ), taken as (
      update upload_tokens set used_bytes = upload_tokens.used_bytes + ${sizeBytes}
      from held where upload_tokens.id = held.id and held.is_taken
    )
    select max_bytes, used_bytes, is_taken from held`
  if (!row) return 'gone'
  return row.isTaken ? 'taken' : { maxBytes: row.maxBytes, usedBytes: row.usedBytes }
}

/** Whether an account's upload goes into the bundle. */
export async function isUploadInBundle(
  query: Query,
  { taskId, accountId, bundleId }: { taskId: string; accountId: string; bundleId: string },
): Promise<boolean> {
  const rows = await query`
    select 1 from uploads where task_id = ${taskId} and account_id = ${accountId} and bundle_id = ${bundleId}`
  return rows.length === 1
}

/** Forgets tokens whose time is over. Answers how many. */
export async function deleteExpiredUploadTokens(query: Query): Promise<number> {
  const rows = await query`delete from upload_tokens where expires_at < now() - interval '1 day'`
  return rows.count
}
