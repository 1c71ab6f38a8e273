import { lastTick, nextTick } from './cron.ts'
import { CronError, parseCron } from './cron-fields.ts'
import type { FieldError } from './plan.ts'
import { isTimeZone } from './time-zone.ts'

/** When a schedule ticks: by a cron expression in a time zone, or every so many seconds counted from `anchorAt`. */
export type Timing = {
  cron: string | null
  timeZone: string | null
  intervalSeconds: number | null
  anchorAt: Date
  startsAt: Date | null
  /** No tick comes after it. */
  endsAt: Date | null
}

/** The first tick after a moment, or undefined when none comes any more. Throws CronError, RangeError. */
export function nextRun(timing: Timing, after: Date): Date | undefined {
  const tick = firstAfter(timing, after)
  return tick && (timing.endsAt === null || tick <= timing.endsAt) ? tick : undefined
}

function firstAfter({ cron, timeZone, intervalSeconds, anchorAt, startsAt }: Timing, after: Date): Date | undefined {
  if (intervalSeconds !== null) {
    const everyMs = intervalSeconds * 1000
    const passed = Math.floor((after.getTime() - anchorAt.getTime()) / everyMs)
    return new Date(anchorAt.getTime() + Math.max(0, passed + 1) * everyMs)
  }
  // A tick at the very start counts.
  const from = startsAt === null ? after : new Date(Math.max(after.getTime(), startsAt.getTime() - 1))
  return nextTick(parseCron(cron ?? ''), timeZone ?? 'UTC', from)
}

/** Of the ticks from one that is due up to a moment, the last one. Throws CronError, RangeError. */
export function latestDue(timing: Timing, due: Date, until: Date): Date {
  const { cron, timeZone, intervalSeconds, anchorAt, endsAt } = timing
  const end = endsAt !== null && endsAt < until ? endsAt : until
  if (intervalSeconds === null) {
    return lastTick(parseCron(cron ?? ''), timeZone ?? 'UTC', { since: due, until: end }) ?? due
  }
  const everyMs = intervalSeconds * 1000
  const passed = Math.floor((end.getTime() - anchorAt.getTime()) / everyMs)
  return new Date(Math.max(due.getTime(), anchorAt.getTime() + passed * everyMs))
}

/** What is wrong with when a schedule shall tick, field by field; one that is enabled must have a tick after `now`. */
export function checkTiming(timing: Timing & { enabled: boolean }, now: Date): FieldError[] {
  const { cron, timeZone, intervalSeconds, startsAt, endsAt } = timing
  const errors: FieldError[] = []
  if (cron === null && intervalSeconds === null)
    errors.push({ field: 'cron', message: 'or intervalSeconds is required' })
  if (cron !== null && intervalSeconds !== null) {
    errors.push({ field: 'intervalSeconds', message: 'cannot be given together with cron' })
  }
  const wrongCron = cron === null ? undefined : cronProblem(cron)
  if (wrongCron !== undefined) errors.push({ field: 'cron', message: wrongCron })
  if (timeZone !== null && cron === null && intervalSeconds !== null)
    errors.push({ field: 'timeZone', message: 'goes with cron only' })
  if (timeZone !== null && !isTimeZone(timeZone)) {
    errors.push({ field: 'timeZone', message: 'must be a name of the IANA time zone database, such as Europe/Berlin' })
  }
  if (startsAt !== null && endsAt !== null && endsAt <= startsAt) {
    errors.push({ field: 'endsAt', message: 'must lie after startsAt' })
  }
  if (errors.length > 0 || !timing.enabled || nextRun(timing, now)) return errors
  return [
    endsAt === null ? { field: 'cron', message: 'never ticks' } : { field: 'endsAt', message: 'comes before a tick' },
  ]
}

function cronProblem(cron: string): string | undefined {
  try {
    parseCron(cron)
    return undefined
  } catch (error) {
    if (error instanceof CronError) return error.message
    throw error
  }
}
