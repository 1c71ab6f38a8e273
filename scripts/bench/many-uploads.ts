import type postgres from 'postgres'

/** The account with a number from 0 among those that `fillUploads` makes uploads for. */
export function accountCalled(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
}

/**
 * Writes uploads in every state, those of one account scattered among those of all others as time would do it, and has
 * Postgres look at them as it would have done meanwhile.
 */
export async function fillUploads(
  sql: postgres.Sql,
  { tasks, accounts }: { tasks: number; accounts: number },
): Promise<void> {
  await sql`
    insert into tasks (id, account_id, type, name, status, idle_status, parameters, priority, progress, completed_at,
      last_activity, created_at, updated_at)
    -- In the order of time, as newTaskId makes them.
    select (to_hex((extract(epoch from at) * 1000)::bigint + 17592186044416) || '7' || substr(md5(n::text), 1, 19))::uuid, ('00000000-0000-4000-8000-' || lpad((n % ${accounts}::int)::text, 12, '0'))::uuid,
      'FileUpload', 'file ' || n, status, 'InProgress', jsonb_build_object('fileName', 'file ' || n, 'fileSize', n), 80,
      case status when 'Completed' then 100 else random() * 100 end,
      case when status in ('InProgress', 'Paused') then null else at end, at, at - interval '1 minute', at
    from generate_series(1, ${tasks}::int) as n,
      -- Unfinished ones were heard of within the day, or they would expire.
      lateral (select now() - interval '20 hours' * (1 - n / ${tasks}::float)) as time (at),
      lateral (
        select case when dice < 2 then 'InProgress' when dice < 3 then 'Paused' when dice < 11 then 'Failed'
          when dice < 15 then 'Expired' when dice < 20 then 'Cancelled' else 'Completed' end
        from (select (n / ${accounts}::int) % 100 as dice) as roll
      ) as chosen (status)`
  await sql`
    insert into uploads (task_id, account_id, file_name, file_size_bytes, content_type, chunk_size_bytes, chunks_count,
      chunks_uploaded, pool_id, declared_sha256, sink_key, sink_open, phase)
    select t.id, t.account_id, md5(t.id::text) || '.bin', size, 'application/octet-stream', 5242880, ceil(size / 5242880.0),
      floor(t.progress / 100 * ceil(size / 5242880.0)), p.id, sha256(t.id::text::bytea), t.id::text, false,
      case when t.completed_at is null then 'receiving' else 'done' end
    from tasks t, (select id from pools limit 1) as p,
      lateral (select (hashtext(t.id::text)::bigint + 2147483648) as size) as made`
  await sql`vacuum analyze tasks`
  await sql`vacuum analyze uploads`
}
