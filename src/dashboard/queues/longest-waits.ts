import type { BandView } from '../../client/browser.ts'

const minuteMs = 60_000
const minutesShown = 60

/**
 * How long the task had waited, at the end of each minute of the last hour, that had waited longest. One that began in some minute after so
 * long, or waits still, waited in the minutes before as well, each time a minute less.
 */
export function longestWaits(
  { minutes, oldestWaitSeconds }: Pick<BandView, 'minutes' | 'oldestWaitSeconds'>,
  nowMs: number,
): { minute: number; value: number }[] {
  const thisMinute = Math.floor(nowMs / minuteMs) * minuteMs
  const known = new Map(minutes.map((one) => [Date.parse(one.minute), one.longestWaitSeconds]))
  const waits: { minute: number; value: number }[] = []
  let value = oldestWaitSeconds
  for (let ago = 0; ago < minutesShown; ago++) {
    const minute = thisMinute - ago * minuteMs
    // In this minute as much less as has passed of it.
    const passedSeconds = ago === 1 ? (nowMs - thisMinute) / 1000 : 60
    if (ago > 0) value = Math.max(0, value - passedSeconds)
    value = Math.max(value, known.get(minute) ?? 0)
    waits.unshift({ minute, value })
  }
  return waits
}
