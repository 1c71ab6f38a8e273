import type { AdminFigures, BandView, WorkerView } from '../contract/admin.ts'
import type { Query } from '../db/connect.ts'
import { listBandMinutes, listBands, listRunning, queueOf, type WaitingRow } from '../db/bands.ts'
import { listWorkers } from '../db/workers.ts'
import type { Backlog } from './backlog.ts'

/** Everything that administrators watch: the bands and the workers. */
export async function adminFigures(query: Query, backlog: Backlog): Promise<AdminFigures> {
  const [bands, workers] = await Promise.all([showBands(query, backlog), showWorkers(query)])
  return { bands, workers }
}

/** How every band stands, and what happened in it in the last hour, minute by minute. */
export async function showBands(query: Query, backlog: Backlog): Promise<BandView[]> {
  const [rows, minutes, waiting] = await Promise.all([listBands(query), listBandMinutes(query), backlog()])
  return rows.map((row) => {
    const { band, admitted, running, pausedAt } = row
    return {
      band,
      admitted,
      running,
      pausedAt: pausedAt?.toISOString() ?? null,
      ...queueOf(row, waiting),
      minutes: minutes
        .filter((one) => one.band === band)
        .map(({ band: _band, minute, ...figures }) => ({ minute: minute.toISOString(), ...figures })),
    }
  })
}

/** Task types that wait and are not among those that are served, and how many tasks. */
export function unservedTypes(
  backlog: readonly WaitingRow[],
  served: readonly string[],
): { type: string; waiting: number }[] {
  const counts = new Map<string, number>()
  for (const { type, waiting } of backlog) {
    if (!served.includes(type)) counts.set(type, (counts.get(type) ?? 0) + waiting)
  }
  return [...counts].map(([type, waiting]) => ({ type, waiting })).sort((a, b) => (a.type < b.type ? -1 : 1))
}

/** The live workers, and what each is at. */
export async function showWorkers(query: Query): Promise<WorkerView[]> {
  const [workers, running] = await Promise.all([listWorkers(query), listRunning(query)])
  return workers.map(({ startedAt, seenAt, ...worker }) => ({
    ...worker,
    startedAt: startedAt.toISOString(),
    seenAt: seenAt.toISOString(),
    running: running.filter((task) => task.workerId === worker.id),
  }))
}
