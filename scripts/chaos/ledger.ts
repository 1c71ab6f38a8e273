import type { Sql } from '../../src/db/connect.ts'
import type { Scene } from './scene.ts'
import { patiently, until } from './wait.ts'

const ends = ['task.completed', 'task.failed', 'task.cancelled', 'task.expired']

/** What is wrong with one task, by its id. */
export type Wrong = { taskId: string; why: string }

export type Books = {
  /** Acknowledged and not Completed with its effect. */
  lost: Wrong[]
  /** With more than one effect. */
  doubled: Wrong[]
  /** With a history that has a gap, not exactly one end, or something after it. */
  unsound: Wrong[]
  /** In the ledger, and no client was told of it: a repeated request made it once more. */
  surplus: Wrong[]
}

/** Compares what clients were told with what the ledger has. Everything must have come to rest. */
export async function readBooks(sql: Sql, acknowledged: ReadonlySet<string>): Promise<Books> {
  const rows = await sql<Entry[]>`
    with effects as (
      select task_id, count(*)::int as times from chaos_effects group by task_id
    ), histories as (
      select task_id, count(*)::int as events, min(seq) as first, max(seq) as last,
        count(*) filter (where type = any(${ends}))::int as ends, max(seq) filter (where type = any(${ends})) as end_at
      from task_events group by task_id
    )
    select coalesce(told.id, tasks.id) as id, told.id is not null as told, status, coalesce(times, 0) as times,
      coalesce(events, 0) as events, first, last, last_seq, coalesce(ends, 0) as ends, end_at
    from unnest(${[...acknowledged]}::uuid[]) as told (id)
      full join tasks on tasks.id = told.id
      left join effects on effects.task_id = coalesce(told.id, tasks.id)
      left join histories on histories.task_id = coalesce(told.id, tasks.id)`
  const pick = (judge: (entry: Entry) => string | undefined): Wrong[] =>
    rows.flatMap((entry) => {
      const why = judge(entry)
      return why === undefined ? [] : [{ taskId: entry.id, why }]
    })
  return { lost: pick(whyLost), doubled: pick(whyDoubled), unsound: pick(whyUnsound), surplus: pick(whySurplus) }
}

type Entry = {
  id: string
  told: boolean
  status: string | null
  times: number
  events: number
  first: number | null
  last: number | null
  lastSeq: number | null
  ends: number
  endAt: number | null
}

function whyLost({ told, status, times }: Entry): string | undefined {
  if (!told) return undefined
  if (status === null) return 'is not in the ledger'
  if (status !== 'Completed') return `is ${status}`
  return times === 0 ? 'is Completed without its effect' : undefined
}

function whyDoubled({ times }: Entry): string | undefined {
  return times > 1 ? `had its effect ${times} times` : undefined
}

function whyUnsound({ status, events, first, last, lastSeq, ends: count, endAt }: Entry): string | undefined {
  if (status === null) return undefined
  if (first !== 1 || last !== events || lastSeq !== events) {
    return `has ${events} events from ${first} to ${last}, and counts ${lastSeq}`
  }
  if (count !== 1) return `has ${count} ends`
  return endAt === last ? undefined : `has events after its end (${endAt} of ${last})`
}

function whySurplus({ told, status }: Entry): string | undefined {
  return told ? undefined : `is ${status} and known to no client`
}

/** Waits until no task waits or runs any more. Throws ChaosError when nothing has moved for a minute. */
export async function untilAtRest({ stack, signal }: Pick<Scene, 'stack' | 'signal'>): Promise<void> {
  let left = await countOpen(stack.sql, signal)
  while (left > 0) {
    const before = left
    left = await until(
      async () => {
        const open = await countOpen(stack.sql, signal)
        return open < before ? open : undefined
      },
      { everyMs: 50, withinMs: 60_000, signal, missing: () => `none of ${before} open tasks had ended` },
    )
  }
}

/** How many tasks have not ended. */
export async function countOpen(sql: Sql, signal: AbortSignal): Promise<number> {
  const [row] = await patiently(
    () => sql<[{ open: number }]>`
      select count(*)::int as open from tasks where status in ('Pending', 'InProgress', 'Paused')`,
    signal,
  )
  return row.open
}

/** When each of these tasks was started last, by the ledger's clock; those not started after `sinceMs` are left out. */
export async function startsSince(sql: Sql, taskIds: readonly string[], since: Date): Promise<Map<string, Date>> {
  const rows = await sql<{ taskId: string; startedAt: Date }[]>`
    select task_id, min(created_at) as started_at from task_events
    where task_id = any(${taskIds}::uuid[]) and type = 'task.started' and created_at > ${since}
    group by task_id`
  return new Map(rows.map((row) => [row.taskId, row.startedAt]))
}
