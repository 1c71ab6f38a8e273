import type { Query } from './connect.ts'

/** A process that was not seen for so long is dead, and nobody is connected to it. */
const absentAfterMs = 15_000

/** Says that a process is alive. True when it was not known, and has to say anew who is connected to it. */
export async function noteProcess(query: Query, processId: string): Promise<boolean> {
  const [row] = await query<[{ isNew: boolean }]>`
    insert into presence_processes (id) values (${processId})
    on conflict (id) do update set seen_at = now() returning (xmax = 0) as is_new`
  return row.isNew
}

export async function forgetProcess(query: Query, processId: string): Promise<void> {
  await query`delete from presence_processes where id = ${processId}`
}

/** Says of which accounts somebody is connected to a process, and of which nobody is any more. */
export async function notePresence(
  query: Query,
  processId: string,
  { present, absent }: { present: readonly string[]; absent: readonly string[] },
): Promise<void> {
  await query`
    with gone as (
      delete from presence where process_id = ${processId} and account_id = any(${absent}::uuid[])
    )
    insert into presence (process_id, account_id)
    select ${processId}, account_id from unnest(${present}::uuid[]) as account_id on conflict do nothing`
}

/** Forgets processes that are dead. Answers how many. */
export async function forgetDeadProcesses(query: Query): Promise<number> {
  const rows = await query`
    delete from presence_processes where seen_at < now() - ${4 * absentAfterMs} * interval '1 millisecond'`
  return rows.count
}

/** A condition: nobody of the account in this column is connected to any process. */
export const isAbsent = (query: Query, accountId: ReturnType<Query>) => query`
  not exists (
    select 1 from presence join presence_processes process on process.id = process_id
    where presence.account_id = ${accountId} and seen_at > now() - ${absentAfterMs} * interval '1 millisecond'
  )`
