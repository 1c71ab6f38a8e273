import type { TaskChain, TaskLink, TaskStatus } from '../contract/task.ts'
import type { Query } from './connect.ts'

export type Dependency = { taskId: string; dependsOn: string }

export type Awaited = { id: string; status: TaskStatus }

/** Locks tasks that others are to wait for, in the order of their ids, and says how they stand. */
export async function lockAwaited(query: Query, accountId: string, taskIds: readonly string[]): Promise<Awaited[]> {
  return query<Awaited[]>`
    select id, status from tasks where id = any(${taskIds}::uuid[]) and account_id = ${accountId}
    order by id for no key update`
}

/** Records who waits for whom. */
export async function insertDependencies(query: Query, dependencies: readonly Dependency[]): Promise<void> {
  const dependsOn = dependencies.map((one) => one.dependsOn)
  await query`
    insert into task_dependencies (task_id, depends_on)
    select * from unnest(${dependencies.map((one) => one.taskId)}::uuid[], ${dependsOn}::uuid[])`
  await query`update tasks set is_awaited = true where id = any(${dependsOn}::uuid[]) and not is_awaited`
}

/** Counts a completed task off from those that wait for it; answers those that wait for nothing any more. */
export async function releaseDependents(query: Query, completedIds: readonly string[]): Promise<string[]> {
  const rows = await query<{ id: string; waitsFor: number; status: TaskStatus }[]>`
    with waiting as (
      select tasks.id, counted.done from tasks join (
        select task_id, count(*)::int as done from task_dependencies
        where depends_on = any(${completedIds}::uuid[]) group by task_id
      ) as counted on counted.task_id = tasks.id
      where waits_for > 0 order by tasks.id for no key update of tasks
    )
    update tasks set waits_for = greatest(0, waits_for - waiting.done), updated_at = now()
    from waiting where tasks.id = waiting.id
    returning tasks.id, tasks.waits_for, tasks.status`
  return rows.filter((row) => row.waitsFor === 0 && row.status === 'Pending').map((row) => row.id)
}

/** Those that wait for this task and have not ended. */
export async function findDependents(
  query: Query,
  taskId: string,
): Promise<{ id: string; accountId: string; name: string; type: string }[]> {
  return query`
    select t.id, t.account_id, t.name, t.type from task_dependencies d join tasks t on t.id = d.task_id
    where d.depends_on = ${taskId} and t.status in ('Pending', 'Paused') order by t.id`
}

/** The tasks before and after one, the eldest first, up to 100 of each. */
export async function findChain(query: Query, taskId: string): Promise<TaskChain> {
  const rows = await query<(TaskLink & { side: 'before' | 'after' })[]>`
    (select 'before' as side, t.id as task_id, t.type, t.name, t.status, t.progress
      from task_dependencies d join tasks t on t.id = d.depends_on
      where d.task_id = ${taskId} order by t.created_at, t.id limit 100)
    union all
    (select 'after' as side, t.id as task_id, t.type, t.name, t.status, t.progress
      from task_dependencies d join tasks t on t.id = d.task_id
      where d.depends_on = ${taskId} order by t.created_at, t.id limit 100)`
  const linksOn = (wanted: 'before' | 'after'): TaskLink[] =>
    rows.flatMap(({ side, ...link }) => (side === wanted ? [link] : []))
  return { before: linksOn('before'), after: linksOn('after') }
}

/** Sets anew how many tasks one waits for, by how they stand now. */
export async function recountDependencies(query: Query, taskId: string): Promise<number> {
  const [row] = await query<[{ waitsFor: number }]>`
    update tasks set waits_for = (
      select count(*)::int from task_dependencies d join tasks t on t.id = d.depends_on
      where d.task_id = ${taskId} and t.status <> 'Completed'
    )
    where id = ${taskId} returning waits_for`
  return row.waitsFor
}

/** The results of tasks that another one's parameters refer to. */
export async function findResults(query: Query, taskIds: readonly string[]): Promise<Map<string, unknown>> {
  const rows = await query<{ id: string; results: unknown }[]>`
    select id, results from tasks where id = any(${taskIds}::uuid[]) and status = 'Completed'`
  return new Map(rows.map((row) => [row.id, row.results]))
}
