const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** A number of bytes in binary units: `5.0 MiB`. */
export function bytes(bytesCount: number): string {
  let value = bytesCount
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

export function rate(bytesPerSecond: number): string {
  return `${bytes(bytesPerSecond)}/s`
}

/** A time span, short: `45 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) return '< 1 s'
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return pair(whole, 60, 'min', 's')
  if (whole < 86_400) return pair(Math.floor(whole / 60), 60, 'h', 'min')
  return pair(Math.floor(whole / 3600), 24, 'd', 'h')
}

function pair(whole: number, per: number, large: string, small: string): string {
  const rest = whole % per
  return `${Math.floor(whole / per)} ${large}${rest === 0 ? '' : ` ${rest} ${small}`}`
}

const sameDay = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const sameYear = new Intl.DateTimeFormat(undefined, {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
})
const otherwise = new Intl.DateTimeFormat(undefined, { year: 'numeric', month: 'short', day: 'numeric' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' })

/** A moment as far as it has to be told today. */
export function moment(at: string, now = new Date()): string {
  const date = new Date(at)
  if (date.toDateString() === now.toDateString()) return sameDay.format(date)
  return date.getFullYear() === now.getFullYear() ? sameYear.format(date) : otherwise.format(date)
}

export function fullMoment(at: string): string {
  return full.format(new Date(at))
}

export function count(number: number): string {
  return number.toLocaleString()
}

/** `3 files`, `1 file`. */
export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`
}

/** `FileCompress` and `sourcePoolId` in words: `File compress`, `Source pool`. */
export function words(name: string): string {
  const spaced = name
    .replace(/Ids?$/, '')
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
  return spaced.charAt(0).toUpperCase() + spaced.slice(1)
}
