import { jsonb, type Query } from './connect.ts'

export type KeptRequest = { accountId: string; key: string; requestSha256: Buffer }

/** Keeps a request's answer under its key. False when the key was used before; waits for a request that is at it. */
export async function keepAnswer(query: Query, request: KeptRequest, response: unknown): Promise<boolean> {
  const rows = await query`
    insert into idempotency_keys (account_id, key, request_sha256, response)
    values (${request.accountId}, ${request.key}, ${request.requestSha256}, ${jsonb(query, response)})
    on conflict do nothing`
  return rows.count === 1
}

/** What was kept under a key. */
export async function findAnswer(
  query: Query,
  { accountId, key }: { accountId: string; key: string },
): Promise<{ requestSha256: Buffer; response: unknown } | undefined> {
  const [row] = await query<{ requestSha256: Buffer; response: unknown }[]>`
    select request_sha256, response from idempotency_keys where account_id = ${accountId} and key = ${key}`
  return row
}

/** Forgets keys that are older than `ageMs`. Answers how many. */
export async function forgetAnswers(query: Query, ageMs: number): Promise<number> {
  const rows = await query`
    delete from idempotency_keys where created_at < now() - ${ageMs} * interval '1 millisecond'`
  return rows.count
}
