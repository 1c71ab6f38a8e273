import { forgetAuditEntries } from '../src/db/audit.ts'
import { leaseMs } from '../src/db/claims.ts'
import { forgetDeadProcesses } from '../src/db/presence.ts'
import { deleteExpiredSubscriptions } from '../src/db/push.ts'
import { noteWorker, type WorkerRow } from '../src/db/workers.ts'
import { sweepScratch } from '../src/files/scratch.ts'
import { sweepFiles, sweepOrphans, sweepOutputs, sweepShares } from '../src/files/sweep.ts'
import { checkUsageDaily } from '../src/files/quota.ts'
import type { Notifiers } from '../src/notify/notifiers.ts'
import { sendNotices } from '../src/notify/send-notices.ts'
import { sweepLostDeliveries, sweepOldDeliveries } from '../src/notify/sweep.ts'
import type { Engine } from '../src/queue/engine.ts'
import { deleteExpiredUploadTokens } from '../src/db/upload-tokens.ts'
import type { Meters } from '../src/metrics/meters.ts'
import type { ControlDeps } from '../src/tasks/control.ts'
import { sweepAnswers } from '../src/tasks/idempotency.ts'
import { sweepSecrets } from '../src/tasks/secrets.ts'
import type { Dispatcher } from '../src/tasks/dispatch.ts'
import type { RoomDeps } from '../src/tasks/room.ts'
import { sweepSchedules } from '../src/tasks/ticks.ts'
import { LostDeliveries } from '../src/tasks/lost-deliveries.ts'
import { sweepDeadlines, sweepEndedTasks, sweepLeases, sweepRings } from '../src/tasks/sweep.ts'
import { untilLess } from '../src/tasks/until-less.ts'
import type { ClearDeps } from '../src/uploads/clear.ts'
import { sweepLeftoverSinks, sweepStaleUploads, sweepUnknownStaging } from '../src/uploads/sweep.ts'
import { type Election, standEveryMs } from './election.ts'
import type { Chore } from './maintenance.ts'
import type { BandRates } from './rates.ts'

const auditBatch = 5000

export type ChoreDeps = ControlDeps &
  RoomDeps &
  ClearDeps & {
    engine: Engine
    dispatcher: Pick<Dispatcher, 'admit' | 'admitLost'>
    meters: Pick<Meters, 'deliveriesLost'>
    scratchParent: string
    notifiers: Notifiers
  }

export type ChoreSettings = {
  storage: { orphanGraceMs: number; trashRetentionMs: number }
  uploads: { staleThresholdMs: number; cleanupIntervalMs: number }
  tasks: { retentionMs: number }
  auditRetentionMs: number
  notify: { webhooks: { retentionMs: number; timeoutMs: number } }
}

/**
 * What has to be done now and then by the worker that is elected. Each is safe when several do it at once, for two may
 * believe that they are it; and when one fails, another worker may have a try.
 */
export function sweeps(deps: ChoreDeps, settings: ChoreSettings, election: Election): Chore[] {
  const all = [
    ...taskSweeps(deps, { retentionMs: settings.tasks.retentionMs, auditRetentionMs: settings.auditRetentionMs }),
    ...uploadSweeps(deps, settings.uploads, settings.storage),
    ...fileSweeps(deps, settings.storage),
    ...webhookSweeps(deps, settings.notify.webhooks),
    ...(deps.notifiers.size > 0 ? pushSweeps(deps, settings.notify.webhooks) : []),
  ]
  return all.map((chore) => ({
    ...chore,
    isDue: () => election.isHeld({ restMs: chore.restAfterFailureMs ?? 0 }),
    run: async () => {
      try {
        return await chore.run()
      } catch (error) {
        await election.stepBack()
        throw error
      }
    },
  }))
}

/** What every worker does for itself. The ticks of schedules are among it, for each makes those of the types it knows. */
export function ownChores(
  deps: ChoreDeps,
  { worker, rates, election }: { worker: WorkerRow; rates: BandRates; election: Election },
): Chore[] {
  const { sql } = deps
  return [
    { name: 'heartbeat', everyMs: 5000, run: () => noteWorker(sql, worker).then(() => 0) },
    { name: 'figures', everyMs: 5000, run: () => rates.flush(sql) },
    { name: 'election', everyMs: standEveryMs, run: () => election.stand().then(() => 0) },
    { name: 'schedules', everyMs: 1000, run: () => sweepSchedules(deps) },
    // On a machine's own disk.
    { name: 'leftover scratch', everyMs: 60_000, run: () => sweepScratch(deps.sql, deps.scratchParent) },
  ]
}

function taskSweeps(
  deps: ChoreDeps,
  { retentionMs, auditRetentionMs }: { retentionMs: number; auditRetentionMs: number },
): Chore[] {
  const { sql, engine, dispatcher } = deps
  const lost = new LostDeliveries(sql, engine)
  const thenAdmit = async (readied: Promise<number>): Promise<number> => {
    const count = await readied
    dispatcher.admit()
    return count
  }
  const thenRefill = async (lostOnes: Promise<number>): Promise<number> => {
    const count = await lostOnes
    if (count > 0) {
      deps.meters.deliveriesLost(count)
      dispatcher.admitLost()
    }
    return count
  }
  return [
    // After an outage of the ledger nobody's lease could be renewed: give everybody the time of one lease to do so.
    { name: 'leases', everyMs: 500, restAfterFailureMs: leaseMs, run: () => thenAdmit(sweepLeases(sql)) },
    { name: 'wiped engine', everyMs: 400, run: () => thenRefill(lost.sweepIfWiped()) },
    { name: 'lost deliveries', everyMs: 1000, run: () => thenRefill(lost.sweep()) },
    { name: 'deadlines', everyMs: 1000, run: () => sweepDeadlines(deps) },
    { name: 'secrets', everyMs: 60_000, run: () => sweepSecrets(sql) },
    { name: 'rings', everyMs: 60_000, run: () => sweepRings(sql) },
    { name: 'ended tasks', everyMs: 60_000, run: () => sweepEndedTasks(sql, retentionMs) },
    { name: 'idempotency keys', everyMs: 600_000, run: () => sweepAnswers(sql) },
    {
      name: 'audit entries',
      everyMs: 600_000,
      run: () => untilLess(auditBatch, () => forgetAuditEntries(sql, auditRetentionMs, auditBatch)),
    },
  ]
}

function webhookSweeps({ sql, engine }: ChoreDeps, { retentionMs }: { retentionMs: number }): Chore[] {
  return [
    {
      name: 'lost webhook deliveries',
      everyMs: 1000,
      restAfterFailureMs: leaseMs,
      run: () => sweepLostDeliveries(sql, engine.webhookDeliveries),
    },
    { name: 'old webhook deliveries', everyMs: 60_000, run: () => sweepOldDeliveries(sql, retentionMs) },
  ]
}

function pushSweeps(deps: ChoreDeps, { timeoutMs }: { timeoutMs: number }): Chore[] {
  const sending = { ...deps, leaseMs: 2 * timeoutMs }
  return [
    { name: 'push notices', everyMs: 1000, run: () => sendNotices(sending) },
    { name: 'expired subscriptions', everyMs: 600_000, run: () => deleteExpiredSubscriptions(deps.sql) },
    { name: 'dead presence', everyMs: 60_000, run: () => forgetDeadProcesses(deps.sql) },
  ]
}

function fileSweeps(deps: ChoreDeps, { orphanGraceMs, trashRetentionMs }: ChoreSettings['storage']): Chore[] {
  return [
    { name: 'leftover outputs', everyMs: 60_000, run: () => sweepOutputs(deps) },
    { name: 'purged files', everyMs: 60_000, run: () => sweepFiles(deps, trashRetentionMs) },
    { name: 'usage check', everyMs: 3_600_000, run: () => checkUsageDaily(deps) },
    { name: 'shares', everyMs: 600_000, run: () => sweepShares(deps) },
    { name: 'orphaned objects', everyMs: 60_000, run: () => sweepOrphans(deps, orphanGraceMs) },
  ]
}

function uploadSweeps(
  deps: ChoreDeps,
  settings: ChoreSettings['uploads'],
  { orphanGraceMs }: ChoreSettings['storage'],
): Chore[] {
  return [
    { name: 'leftover staging', everyMs: 60_000, run: () => sweepLeftoverSinks(deps) },
    { name: 'unknown staging', everyMs: 600_000, run: () => sweepUnknownStaging(deps, orphanGraceMs) },
    { name: 'upload tokens', everyMs: 600_000, run: () => deleteExpiredUploadTokens(deps.sql) },
    {
      name: 'stale uploads',
      everyMs: settings.cleanupIntervalMs,
      run: () => sweepStaleUploads(deps, settings.staleThresholdMs),
    },
  ]
}
