/** A cron expression, read. Weekdays from 0, Sunday, to 6. */
export type Cron = {
  minutes: ReadonlySet<number>
  hours: ReadonlySet<number>
  months: ReadonlySet<number>
  /** Every day of the month there is. */
  anyDay: boolean
  days: ReadonlySet<number>
  /** `L`: also the last day of the month. */
  lastDay: boolean
  anyWeekday: boolean
  weekdays: ReadonlySet<number>
  /** `5#2`: the second Friday of the month; `5L`, the last one, has 0 for its number. */
  nthWeekdays: readonly { weekday: number; nth: number }[]
  /** The hour is `*`, so that ticks follow the time that passes and not the clock. */
  everyHour: boolean
}

/** What is wrong with an expression, for whoever wrote it. */
export class CronError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CronError'
  }
}

const nicknames: ReadonlyMap<string, string> = new Map([
  ['@hourly', '0 * * * *'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@weekly', '0 0 * * 0'],
  ['@monthly', '0 0 1 * *'],
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
])
const monthNames = ['', 'JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const weekdayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']

type Field = { name: string; min: number; max: number; names: readonly string[] }
const minuteField: Field = { name: 'minute', min: 0, max: 59, names: [] }
const hourField: Field = { name: 'hour', min: 0, max: 23, names: [] }
const dayField: Field = { name: 'day of month', min: 1, max: 31, names: [] }
const monthField: Field = { name: 'month', min: 1, max: 12, names: monthNames }
const weekdayField: Field = { name: 'day of week', min: 0, max: 7, names: weekdayNames }

/**
 * Reads a cron expression: minute, hour, day of month, month, day of week, of `*`, numbers, names, lists, ranges and
 * steps; `L` for the last day, `5#2` and `5L` for the second and the last Friday; or a nickname such as `@daily`. Throws
 * CronError.
 */
export function parseCron(text: string): Cron {
  const written = text.trim()
  if (written.startsWith('@') && !nicknames.has(written.toLowerCase())) {
    throw new CronError(`must be a cron expression or one of ${[...nicknames.keys()].join(', ')}`)
  }
  const parts = (nicknames.get(written.toLowerCase()) ?? written).toUpperCase().split(/[ \t]+/)
  const [minute, hour, day, month, weekday] = parts
  if (parts.length !== 5 || minute === undefined || hour === undefined || day === undefined) throw notFive()
  if (month === undefined || weekday === undefined) throw notFive()
  const dayItems = day.split(',')
  const weekdayItems = weekday.split(',')
  const plainWeekdays = weekdayItems.filter((item) => !/[#L]/.test(item))
  return {
    minutes: readField(minuteField, minute),
    hours: readField(hourField, hour),
    months: readField(monthField, month),
    anyDay: isAny(day),
    days: readItems(
      dayField,
      dayItems.filter((item) => item !== 'L'),
    ),
    lastDay: dayItems.includes('L'),
    anyWeekday: isAny(weekday),
    weekdays: new Set([...readItems(weekdayField, plainWeekdays)].map((number) => number % 7)),
    nthWeekdays: weekdayItems.filter((item) => /[#L]/.test(item)).map(readNth),
    everyHour: hour === '*',
  }
}

/** True when a day (its midnight in UTC) fits. Of a day of the month and a weekday one is enough when both are given. */
export function matchesDay(cron: Cron, day: Date): boolean {
  if (!cron.months.has(day.getUTCMonth() + 1)) return false
  const byDate = cron.days.has(day.getUTCDate()) || (cron.lastDay && day.getUTCDate() === daysInMonth(day))
  const byWeekday = cron.weekdays.has(day.getUTCDay()) || cron.nthWeekdays.some((one) => isNth(one, day))
  return cron.anyDay || cron.anyWeekday ? byDate && byWeekday : byDate || byWeekday
}

export function daysInMonth(day: Date): number {
  return new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + 1, 0)).getUTCDate()
}

function isNth({ weekday, nth }: { weekday: number; nth: number }, day: Date): boolean {
  if (day.getUTCDay() !== weekday) return false
  const date = day.getUTCDate()
  return nth === 0 ? date + 7 > daysInMonth(day) : Math.ceil(date / 7) === nth
}

/** As in every cron: with a star (`*`, and with a step too) the field does not choose by itself. */
function isAny(field: string): boolean {
  return field.startsWith('*') || field === '?'
}

function readField(field: Field, text: string): Set<number> {
  return readItems(field, text.split(','))
}

function readItems(field: Field, items: readonly string[]): Set<number> {
  return new Set(items.flatMap((item) => readItem(field, item)))
}

function readItem(field: Field, item: string): number[] {
  const [, range = '', step] = /^([^/]*)(?:\/(\d{1,4}))?$/.exec(item) ?? []
  const [from, to] = readRange(field, range, step !== undefined, item)
  const every = step === undefined ? 1 : Number(step)
  if (every < 1) throw wrong(field, item)
  return Array.from({ length: Math.floor((to - from) / every) + 1 }, (_, index) => from + index * every)
}

function readRange(field: Field, range: string, hasStep: boolean, item: string): readonly [number, number] {
  const top = field.names === weekdayNames ? 6 : field.max
  if (range === '*') return [field.min, top]
  if (range === '?' && !hasStep && (field === dayField || field === weekdayField)) return [field.min, top]
  const [first = '', last, ...rest] = range.split('-')
  const from = readNumber(field, first, item)
  const to = last === undefined ? (hasStep ? top : from) : readNumber(field, last, item)
  if (rest.length > 0 || to < from) throw wrong(field, item)
  return [from, to]
}

function readNumber(field: Field, text: string, item: string): number {
  const named = text === '' ? -1 : field.names.indexOf(text)
  const number = named >= 0 ? named : /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN
  if (number >= field.min && number <= field.max) return number
  throw wrong(field, item)
}

function readNth(item: string): { weekday: number; nth: number } {
  const [, weekday = '', nth] = /^([A-Z]{3}|\d)(?:#([1-5])|L)$/.exec(item) ?? []
  if (weekday === '') throw wrong(weekdayField, item)
  return { weekday: readNumber(weekdayField, weekday, item) % 7, nth: Number(nth ?? 0) }
}

function notFive(): CronError {
  return new CronError(
    'must have five fields: minute, hour, day of month, month, day of week; for less than a minute use intervalSeconds',
  )
}

function wrong({ name, min, max }: Field, item: string): CronError {
  return new CronError(`has "${item.slice(0, 40)}" for the ${name}; numbers go from ${min} to ${max}`)
}
