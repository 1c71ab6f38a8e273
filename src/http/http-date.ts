const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

const time = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)'
const month = `(?<month>${months.join('|')})`
const formats = [
  new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d\\d) ${month} (?<year>\\d{4}) ${time} GMT$`),
  new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d\\d)-${month}-(?<year>\\d\\d) ${time} GMT$`),
  new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${month} (?<day>[ \\d]\\d) ${time} (?<year>\\d{4})$`),
]

/**
 * Reads an HTTP-date in any of its three formats (RFC 9110 §5.6.7); milliseconds since the epoch, or undefined when it is
 * none. `Date.parse` is no substitute: it takes much that is not an HTTP-date, some of it in local time.
 */
export function parseHttpDate(text: string, nowMs = Date.now()): number | undefined {
  for (const format of formats) {
    const parts = format.exec(text)?.groups
    if (parts !== undefined) return toTime(parts, nowMs)
  }
  return undefined
}

/** An HTTP-date has whole seconds, so what was sent and what is compared with it must be cut alike. */
export function wholeSeconds(timeMs: number): number {
  return Math.floor(timeMs / 1000) * 1000
}

function toTime(parts: Record<string, string>, nowMs: number): number | undefined {
  const [year, day] = [fullYear(parts['year'] ?? '', nowMs), Number(parts['day'])]
  const [hour, minute, second] = [Number(parts['hour']), Number(parts['minute']), Number(parts['second'])]
  const date = new Date(0)
  date.setUTCFullYear(year, months.indexOf(parts['month'] ?? ''), day)
  // A day that its month does not have would silently be a day of the next one.
  if (date.getUTCDate() !== day || hour > 23 || minute > 59 || second > 60) return undefined
  return date.setUTCHours(hour, minute, second)
}

/** Of two digits the year is the latest one that is not more than 50 years ahead. */
function fullYear(digits: string, nowMs: number): number {
  if (digits.length === 4) return Number(digits)
  const thisYear = new Date(nowMs).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + Number(digits)
  if (year > thisYear + 50) return year - 100
  return year <= thisYear - 50 ? year + 100 : year
}
