import type { Band } from '../contract/task.ts'
import { jsonb, type Query } from './connect.ts'
import { sweepsOffice } from './elections.ts'

/** Workers say that they are there every 5 s; one that did not for so long is not counted on. */
const liveForMs = 15_000

export type WorkerRow = {
  id: string
  bands: string[]
  concurrency: number
  types: string[]
  /** What it can do of a type, where that depends on what is installed: type → parameter → values. */
  offers: Record<string, Record<string, readonly string[]>>
}

/** Says that a worker is alive, for the first time or again. */
export async function noteWorker(query: Query, worker: WorkerRow): Promise<void> {
  await query`
    insert into workers (id, bands, concurrency, types, offers)
    values (${worker.id}, ${worker.bands}, ${worker.concurrency}, ${worker.types}, ${jsonb(query, worker.offers)})
    on conflict (id) do update set seen_at = now()`
}

export async function forgetWorker(query: Query, id: string): Promise<void> {
  await query`delete from workers where id = ${id} or seen_at < now() - interval '1 day'`
}

export type WorkerCounts = { all: number; byBand: Record<Band, number> }

/** How many workers were seen in the last `withinMs`, and how many of them serve each band. */
export async function countWorkers(query: Query, withinMs: number): Promise<WorkerCounts> {
  const [{ all, ...byBand }] = await query<[{ all: number } & WorkerCounts['byBand']]>`
    select count(*)::int as all, count(*) filter (where 'high' = any(bands))::int as high,
      count(*) filter (where 'normal' = any(bands))::int as normal, count(*) filter (where 'low' = any(bands))::int as low
    from workers where seen_at > now() - ${withinMs} * interval '1 millisecond'`
  return { all, byBand }
}

/** The task types that some live worker can run. */
export async function listServedTypes(query: Query): Promise<string[]> {
  const rows = await query<{ type: string }[]>`
    select distinct unnest(types) as type from workers where seen_at > now() - ${liveForMs} * interval '1 millisecond'`
  return rows.map((row) => row.type)
}

export type Offer = { type: string; parameter: string; values: string[] }

/** What any live worker can do of each type. */
export async function listOffers(query: Query): Promise<Offer[]> {
  return query<Offer[]>`
    select per_type.key as type, per_parameter.key as parameter, array_agg(distinct item order by item) as values
    from workers, jsonb_each(offers) as per_type, jsonb_each(per_type.value) as per_parameter,
      jsonb_array_elements_text(per_parameter.value) as list (item)
    where seen_at > now() - ${liveForMs} * interval '1 millisecond'
    group by per_type.key, per_parameter.key order by 1, 2`
}

/** `sweeps`: it is the one that was elected to. */
export type LiveWorker = WorkerRow & { startedAt: Date; seenAt: Date; sweeps: boolean }

export async function listWorkers(query: Query): Promise<LiveWorker[]> {
  return query<LiveWorker[]>`
    select id, bands, concurrency, types, offers, started_at, seen_at, exists (
        select 1 from elections where office = ${sweepsOffice} and holder = workers.id and until > now()
      ) as sweeps
    from workers
    where seen_at > now() - ${liveForMs} * interval '1 millisecond' order by started_at`
}
