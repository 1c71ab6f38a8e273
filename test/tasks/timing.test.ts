import { describe, expect, it } from 'vitest'
import { checkTiming, latestDue, nextRun, type Timing } from '../../src/tasks/timing.ts'

const at = (text: string): Date => new Date(`2027-01-01T${text}Z`)
const every: Timing = {
  cron: null,
  timeZone: null,
  intervalSeconds: 600,
  anchorAt: at('00:05'),
  startsAt: null,
  endsAt: null,
}
const hourly: Timing = { ...every, cron: '0 * * * *', timeZone: 'UTC', intervalSeconds: null }

describe('when a schedule ticks', () => {
  it('is, for an interval, counted from its anchor, which is a tick only while it lies ahead', () => {
    expect(nextRun(every, at('00:05'))).toEqual(at('00:15'))
    expect(nextRun(every, at('00:14:59.999'))).toEqual(at('00:15'))
    expect(nextRun(every, at('00:15'))).toEqual(at('00:25'))
    expect(nextRun(every, at('00:04'))).toEqual(at('00:05'))
  })

  it('begins with a tick at the start, and ends with one at the end', () => {
    const bounded = { ...hourly, startsAt: at('03:00'), endsAt: at('04:00') }
    expect(nextRun(bounded, at('00:00'))).toEqual(at('03:00'))
    expect(nextRun(bounded, at('03:00'))).toEqual(at('04:00'))
    expect(nextRun(bounded, at('04:00'))).toBeUndefined()
    expect(nextRun({ ...every, endsAt: at('00:16') }, at('00:15'))).toBeUndefined()
  })

  it('comes to the last of the ticks that were missed, and to none beyond the end', () => {
    expect(latestDue(every, at('00:15'), at('02:00'))).toEqual(at('01:55'))
    expect(latestDue(every, at('00:15'), at('00:16'))).toEqual(at('00:15'))
    expect(latestDue(hourly, at('01:00'), at('05:30'))).toEqual(at('05:00'))
    expect(latestDue(hourly, at('01:00'), at('01:00'))).toEqual(at('01:00'))
    expect(latestDue({ ...hourly, endsAt: at('02:30') }, at('01:00'), at('05:30'))).toEqual(at('02:00'))
    expect(latestDue({ ...every, endsAt: at('00:30') }, at('00:15'), at('05:30'))).toEqual(at('00:25'))
  })

  it('is refused when no tick would come, unless it is disabled', () => {
    const never = { ...hourly, cron: '0 0 30 2 *', enabled: true }
    expect(checkTiming(never, at('00:00'))).toEqual([{ field: 'cron', message: 'never ticks' }])
    expect(checkTiming({ ...never, enabled: false }, at('00:00'))).toEqual([])
    const over = { ...hourly, endsAt: at('00:30'), enabled: true }
    expect(checkTiming(over, at('00:00'))).toEqual([{ field: 'endsAt', message: 'comes before a tick' }])
  })
})
