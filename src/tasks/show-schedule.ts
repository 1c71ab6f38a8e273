import type { ScheduleView } from '../contract/schedule.ts'
import type { Query } from '../db/connect.ts'
import { findSchedule, type ScheduleRow, type WantedSchedule } from '../db/schedules.ts'
import { AppError } from '../errors.ts'

/** Throws SCHEDULE_NOT_FOUND, also for another account's schedule. */
export async function getSchedule(query: Query, wanted: WantedSchedule): Promise<ScheduleRow> {
  const schedule = await findSchedule(query, wanted)
  if (!schedule) throw scheduleNotFound(wanted.scheduleId)
  return schedule
}

/** A schedule as the API shows it. */
export function presentSchedule(schedule: ScheduleRow): ScheduleView {
  return {
    scheduleId: schedule.id,
    accountId: schedule.accountId,
    name: schedule.name,
    cron: schedule.cron,
    timeZone: schedule.timeZone,
    intervalSeconds: schedule.intervalSeconds,
    startsAt: schedule.startsAt?.toISOString() ?? null,
    endsAt: schedule.endsAt?.toISOString() ?? null,
    enabled: schedule.enabled,
    missed: schedule.missed,
    overlap: schedule.overlap,
    task: { type: schedule.type, ...schedule.template },
    nextRunAt: schedule.nextRunAt?.toISOString() ?? null,
    lastRunAt: schedule.lastRunAt?.toISOString() ?? null,
    lastTaskId: schedule.lastTaskId,
    lastError: lastError(schedule),
    lastSkip: lastSkip(schedule),
    createdAt: schedule.createdAt.toISOString(),
    updatedAt: schedule.updatedAt.toISOString(),
  }
}

export function scheduleNotFound(scheduleId: string): AppError {
  return new AppError('SCHEDULE_NOT_FOUND', 'There is no such schedule.', { details: { scheduleId } })
}

function lastError({ lastErrorCode: code, lastErrorMessage: message, lastErrorAt: at }: ScheduleRow) {
  return code === null || at === null ? null : { code, message: message ?? '', at: at.toISOString() }
}

function lastSkip({ lastSkipReason: reason, lastSkipTick: tick }: ScheduleRow) {
  return reason === null || tick === null ? null : { reason, tick: tick.toISOString() }
}
