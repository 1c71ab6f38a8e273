import type { Query } from './connect.ts'

export type BoardSession = { tokenSha256: Buffer; accountId: string; expiresAt: Date }

/** Keeps a session until it expires, and forgets those that have. */
export async function insertBoardSession(
  query: Query,
  { tokenSha256, accountId, expiresAt }: BoardSession,
): Promise<void> {
  await query`delete from board_sessions where expires_at < now()`
  await query`
    insert into board_sessions (token_sha256, account_id, expires_at) values (${tokenSha256}, ${accountId}, ${expiresAt})`
}

/** Whether there is such a session that has not expired. */
export async function hasBoardSession(query: Query, tokenSha256: Buffer): Promise<boolean> {
  const rows = await query`select 1 from board_sessions where token_sha256 = ${tokenSha256} and expires_at > now()`
  return rows.length === 1
}
