const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** By how much a zone's clock is ahead of UTC at a moment, in milliseconds. */
export type OffsetAt = (moment: number) => number

/** True for a name of the IANA time zone database that this system knows; an offset such as `+01:00` is none. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** Reads a zone's clock. Throws RangeError for a zone that this system does not know. */
export function offsetReader(timeZone: string): OffsetAt {
  const clock = new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  return (moment) => {
    const shown = new Map(clock.formatToParts(moment).map((part) => [part.type, Number(part.value)]))
    const read = (part: Intl.DateTimeFormatPartTypes): number => shown.get(part) ?? 0
    const local = Date.UTC(read('year'), read('month') - 1, read('day'), read('hour'), read('minute'), read('second'))
    return local - Math.floor(moment / 1000) * 1000
  }
}

/** A local day (its midnight written as if it were UTC) with the clock's offsets before and after it changes. */
export type DayClock = { day: number; before: number; after: number; changesAt: number }

/** How a zone's clock goes on one local day. No zone ever changed it twice within two days. */
export function readDay(offsetAt: OffsetAt, day: number): DayClock {
  // Zones lie between UTC-12 and UTC+14.
  let early = day - 14 * hourMs
  let late = day + (24 + 12) * hourMs
  const before = offsetAt(early)
  const after = offsetAt(late)
  if (before === after) return { day, before, after, changesAt: Number.POSITIVE_INFINITY }
  // Clocks change on a whole minute.
  while (late - early > minuteMs) {
    const middle = early + Math.floor((late - early) / 2 / minuteMs) * minuteMs
    if (offsetAt(middle) === before) early = middle
    else late = middle
  }
  return { day, before, after, changesAt: late }
}
