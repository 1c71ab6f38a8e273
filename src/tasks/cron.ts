import { type Cron, daysInMonth, matchesDay } from './cron-fields.ts'
import { type DayClock, offsetReader, type OffsetAt, readDay } from './time-zone.ts'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs
/** So far ahead a tick is looked for: the fifth Monday of a February comes every 40 years at the latest. */
const longestSearchMonths = 41 * 12

/**
 * The first tick after a moment, or undefined when none comes in the next 40 years. The clock of the time zone decides.
 * When it is put forward, a tick at an hour that is named and left out comes as much later; when it is put back, a named
 * hour ticks the first time only. With `*` for the hour, ticks follow the time that really passes: a left out hour has
 * none, a doubled hour ticks twice.
 */
export function nextTick(cron: Cron, timeZone: string, after: Date): Date | undefined {
  const offsetAt = offsetReader(timeZone)
  for (const day of daysFrom(localDay(after, offsetAt) - dayMs, cron)) {
    const tick = ticksOf(cron, readDay(offsetAt, day)).find((one) => one > after.getTime())
    if (tick !== undefined) return new Date(tick)
  }
  return undefined
}

/** The last tick at a moment or before it, but after `since`; undefined when there is none. Ticks as in `nextTick`. */
export function lastTick(
  cron: Cron,
  timeZone: string,
  { since, until }: { since: Date; until: Date },
): Date | undefined {
  const offsetAt = offsetReader(timeZone)
  const earliest = localDay(since, offsetAt) - dayMs
  for (let day = localDay(until, offsetAt); day >= earliest; day -= dayMs) {
    if (!matchesDay(cron, new Date(day))) continue
    const tick = ticksOf(cron, readDay(offsetAt, day)).findLast((one) => one <= until.getTime())
    if (tick !== undefined) return tick > since.getTime() ? new Date(tick) : undefined
  }
  return undefined
}

/** Midnight of the local day of a moment, written as if it were UTC. */
function localDay(moment: Date, offsetAt: OffsetAt): number {
  const local = moment.getTime() + offsetAt(moment.getTime())
  return Math.floor(local / dayMs) * dayMs
}

/** The days that match, from one on; whole months that cannot match are passed over. */
function* daysFrom(first: number, cron: Cron): Generator<number> {
  const start = new Date(first)
  for (let month = 0; month < longestSearchMonths; month++) {
    const begin = new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + month, 1))
    if (!cron.months.has(begin.getUTCMonth() + 1)) continue
    for (let date = 0; date < daysInMonth(begin); date++) {
      const day = begin.getTime() + date * dayMs
      if (day >= first && matchesDay(cron, new Date(day))) yield day
    }
  }
}

/** A day's ticks in their order, each once: of those that were moved some may fall together with others. */
function ticksOf(cron: Cron, { day, before, after, changesAt }: DayClock): number[] {
  const ticks = new Set<number>()
  for (const hour of cron.hours) {
    for (const minute of cron.minutes) {
      const local = day + (hour * 60 + minute) * minuteMs
      const early = local - before
      const late = local - after
      const isEarly = early < changesAt
      const isLate = late >= changesAt
      if (isEarly) ticks.add(early)
      if (isLate && (!isEarly || cron.everyHour)) ticks.add(late)
      if (!isEarly && !isLate && !cron.everyHour) ticks.add(early)
    }
  }
  return [...ticks].sort((one, other) => one - other)
}
