const sizeUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** Bytes as people read them: `12.3 MiB`. Never wider than 9 characters, so that a line of progress keeps its place. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(sizeUnits.length - 1, Math.floor(Math.log2(bytes) / 10))
  const amount = bytes / 1024 ** power
  return `${amount.toFixed(power === 0 || amount >= 999.95 ? 0 : 1)} ${sizeUnits[power]}`
}

/** Seconds as people read them: `1 h 05 min`, `2 min 03 s`, `7 s`. */
function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds)
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, '0')} min`
  return minutes > 0 ? `${minutes} min ${String(rest).padStart(2, '0')} s` : `${rest} s`
}

const barCharacters = 16

export type Advance = { loadedBytes: number; totalBytes: number; bytesPerSecond: number; secondsLeft: number | null }

/** A line such as `███████░░░░░░░░░  45 %  1.2 GiB of 2.6 GiB  88.0 MiB/s  17 s left`. */
export function formatAdvance({ loadedBytes, totalBytes, bytesPerSecond, secondsLeft }: Advance): string {
  const share = totalBytes === 0 ? 1 : loadedBytes / totalBytes
  const parts = [
    `${formatBar(share)} ${String(Math.floor(share * 100)).padStart(3)} %`,
    `${formatBytes(loadedBytes)} of ${formatBytes(totalBytes)}`,
    `${formatBytes(bytesPerSecond)}/s`,
    secondsLeft === null ? 'waiting' : `${formatSeconds(secondsLeft)} left`,
  ]
  return parts.join('  ')
}

/** A share from 0 to 1 as a bar. */
export function formatBar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * barCharacters)
  return '█'.repeat(full) + '░'.repeat(barCharacters - full)
}

/** Rows as columns under their heads; without rows nothing. */
export function formatTable(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return []
  const all = [heads, ...rows.map((row) => row.map(shown))]
  const widths = heads.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  return all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** Text from elsewhere without what a terminal would obey. */
export function shown(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?')
}

/** A moment of the API in local time, to the minute. */
export function formatMoment(iso: string): string {
  const at = new Date(iso)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}`
}
