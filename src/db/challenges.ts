import { jsonb, type Query } from './connect.ts'
import { isLive } from './files.ts'

/** A stretch of a file. In bytes. */
export type ChallengeRange = { offset: number; length: number }

export type Challenge = { nonce: Buffer; ranges: ChallengeRange[]; expiresAt: Date }

/** How long an upload's client may take to answer. Ledger time alone decides. */
const openForMs = 10 * 60_000
/** Whoever has had a proof for longer has died over it. */
const answeredWithinMs = 30_000

/** Asks the client of an upload for bytes of its file. Answers until when. */
export async function insertChallenge(
  query: Query,
  { taskId, nonce, ranges }: { taskId: string } & Omit<Challenge, 'expiresAt'>,
): Promise<Date> {
  const [row] = await query<[{ expiresAt: Date }]>`
    insert into upload_challenges (task_id, nonce, ranges, expires_at)
    values (${taskId}, ${nonce}, ${jsonb(query, ranges)}, now() + ${openForMs} * interval '1 millisecond')
    returning expires_at`
  return row.expiresAt
}

/** What the client of an upload is asked for, unless it has answered or its time is over. */
export async function findChallenge(query: Query, taskId: string): Promise<Challenge | undefined> {
  const [row] = await query<Challenge[]>`
    select nonce, ranges, expires_at from upload_challenges
    where task_id = ${taskId} and expires_at > now() and taken_at is null`
  return row
}

/** The same, and nobody can have it again: each challenge is answered once. */
export async function takeChallenge(query: Query, taskId: string): Promise<Challenge | undefined> {
  const [row] = await query<Challenge[]>`
    update upload_challenges set taken_at = now()
    where task_id = ${taskId} and expires_at > now() and taken_at is null
    returning nonce, ranges, expires_at`
  return row
}

/** Somebody took an upload's challenge and has not answered yet. */
export async function isBeingAnswered(query: Query, taskId: string): Promise<boolean> {
  const rows = await query`
    select 1 from upload_challenges
    where task_id = ${taskId} and taken_at > now() - ${answeredWithinMs} * interval '1 millisecond'`
  return rows.length > 0
}

/** Notes that a challenge was answered. */
export async function forgetChallenge(query: Query, taskId: string): Promise<void> {
  await query`delete from upload_challenges where task_id = ${taskId}`
}

/** An object with these bytes in the pool that any account holds through a file of its own. */
export async function findObjectOfAnyone(
  query: Query,
  wanted: { poolId: string; sha256: Buffer; sizeBytes: number },
): Promise<{ objectId: string; objectKey: string } | undefined> {
  const [row] = await query<{ objectId: string; objectKey: string }[]>`
    select o.id as object_id, o.key as object_key from objects o join files f on f.object_id = o.id
    where o.sha256 = ${wanted.sha256} and o.size_bytes = ${wanted.sizeBytes} and o.pool_id = ${wanted.poolId}
      and ${isLive(query)}
    limit 1`
  return row
}
