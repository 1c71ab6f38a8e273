import type { Query } from './connect.ts'

export type Attempted = { scope: string; subject: string }

/**
 * Counts one more attempt within the window that the first one opened; when that is over, this one opens another. Answers
 * how many there were, and until when the window lasts.
 */
export async function countAttempt(
  query: Query,
  { scope, subject }: Attempted,
  windowMs: number,
): Promise<{ count: number; secondsLeft: number }> {
  const [row] = await query<[{ count: number; secondsLeft: number }]>`
    insert into attempts (scope, subject) values (${scope}, ${subject})
    on conflict (scope, subject) do update set
      count = case when attempts.started_at < now() - ${windowMs} * interval '1 millisecond' then 1
        else attempts.count + 1 end,
      started_at = case when attempts.started_at < now() - ${windowMs} * interval '1 millisecond' then now()
        else attempts.started_at end
    returning count,
      ceil(extract(epoch from started_at + ${windowMs} * interval '1 millisecond' - now()))::int as seconds_left`
  return row
}

/** Forgets what was counted: the last attempt was good. */
export async function forgetAttempts(query: Query, { scope, subject }: Attempted): Promise<void> {
  await query`delete from attempts where scope = ${scope} and subject = ${subject}`
}

/** Forgets windows that are over for a day. Answers how many. */
export async function deleteOldAttempts(query: Query): Promise<number> {
  return (await query`delete from attempts where started_at < now() - interval '1 day'`).count
}
