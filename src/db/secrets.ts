import type { Query } from './connect.ts'

/** Keeps sealed secrets of a task, instead of those it had. */
export async function putSecrets(query: Query, taskId: string, sealed: Buffer): Promise<void> {
  await query`
    insert into task_secrets (task_id, sealed) values (${taskId}, ${sealed})
    on conflict (task_id) do update set sealed = excluded.sealed, created_at = now()`
}

export async function findSecrets(query: Query, taskId: string): Promise<Buffer | undefined> {
  const [row] = await query<{ sealed: Buffer }[]>`select sealed from task_secrets where task_id = ${taskId}`
  return row?.sealed
}

export async function eraseSecrets(query: Query, taskId: string): Promise<void> {
  await query`delete from task_secrets where task_id = ${taskId}`
}

/** Erases what tasks had that were Completed, Cancelled or Expired, or Failed at least `failedMs` ago. Answers how many. */
export async function eraseEndedSecrets(query: Query, failedMs: number): Promise<number> {
  const rows = await query`
    delete from task_secrets using tasks
    where tasks.id = task_secrets.task_id and (
      status in ('Completed', 'Cancelled', 'Expired')
      or (status = 'Failed' and completed_at < now() - ${failedMs} * interval '1 millisecond')
    )`
  return rows.count
}
