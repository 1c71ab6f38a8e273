import type { AdminFigures, BandView, WorkerView } from '../contract/admin.ts'
import type { Query } from '../db/connect.ts'
import { listBandMinutes, listBands, listRunning } from '../db/bands.ts'
import { listWorkers } from '../db/workers.ts'

/** Everything that administrators watch: the bands and the workers. */
export async function adminFigures(query: Query): Promise<AdminFigures> {
  const [bands, workers] = await Promise.all([showBands(query), showWorkers(query)])
  return { bands, workers }
}

/** How every band stands, and what happened in it in the last hour, minute by minute. */
export async function showBands(query: Query): Promise<BandView[]> {
  const [rows, minutes] = await Promise.all([listBands(query), listBandMinutes(query)])
  return rows.map(({ oldestReadyAt, pausedAt, ...row }) => ({
    ...row,
    pausedAt: pausedAt?.toISOString() ?? null,
    oldestWaitSeconds: oldestReadyAt === null ? 0 : Math.max(0, (Date.now() - oldestReadyAt.getTime()) / 1000),
    minutes: minutes
      .filter((one) => one.band === row.band)
      .map(({ minute, started, completed, failed }) => ({ minute: minute.toISOString(), started, completed, failed })),
  }))
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
