import { describe, expect, it } from 'vitest'
import { lastTick, nextTick } from '../../src/tasks/cron.ts'
import { parseCron } from '../../src/tasks/cron-fields.ts'
import { isTimeZone } from '../../src/tasks/time-zone.ts'

const berlin = 'Europe/Berlin'
const newYork = 'America/New_York'

/** The ticks after a moment, as local clocks have nothing to say: in UTC, without seconds. */
function ticks(cron: string, zone: string, after: string, count: number): string[] {
  const found: string[] = []
  let last: Date | undefined = new Date(after)
  while (found.length < count) {
    last = nextTick(parseCron(cron), zone, last)
    if (!last) break
    found.push(last.toISOString().replace(':00.000Z', 'Z'))
  }
  return found
}

describe('cron', () => {
  it.each([
    ['*/20 8-9 * * *', '2027-01-01T08:30Z', ['2027-01-01T08:40Z', '2027-01-01T09:00Z', '2027-01-01T09:20Z']],
    ['5,3,5 0 * * *', '2027-01-01T00:00Z', ['2027-01-01T00:03Z', '2027-01-01T00:05Z', '2027-01-02T00:03Z']],
    ['50/5 23 31 12 *', '2027-01-01T00:00Z', ['2027-12-31T23:50Z', '2027-12-31T23:55Z', '2028-12-31T23:50Z']],
    ['0 0 * * mon-fri', '2027-01-01T00:00Z', ['2027-01-04T00:00Z', '2027-01-05T00:00Z']],
    ['0 0 * * 5-7', '2027-01-02T00:00Z', ['2027-01-03T00:00Z', '2027-01-08T00:00Z', '2027-01-09T00:00Z']],
    ['0 0 * JAN,Jul 0', '2027-01-25T00:00Z', ['2027-01-31T00:00Z', '2027-07-04T00:00Z']],
    ['0 0 29 2 *', '2027-01-01T00:00Z', ['2028-02-29T00:00Z', '2032-02-29T00:00Z']],
    ['0 0 31 * *', '2027-01-31T00:00Z', ['2027-03-31T00:00Z', '2027-05-31T00:00Z']],
    ['0 12 L * *', '2027-02-01T00:00Z', ['2027-02-28T12:00Z', '2027-03-31T12:00Z']],
    ['0 12 15,L 2 *', '2028-01-01T00:00Z', ['2028-02-15T12:00Z', '2028-02-29T12:00Z']],
    ['0 9 * * FRI#2', '2027-01-01T00:00Z', ['2027-01-08T09:00Z', '2027-02-12T09:00Z']],
    ['0 9 * * 5L', '2027-01-01T00:00Z', ['2027-01-29T09:00Z', '2027-02-26T09:00Z']],
    ['0 9 * 2 1#5', '2027-01-01T00:00Z', ['2044-02-29T09:00Z']],
    // Day of the month and weekday: one is enough, unless one has a star.
    ['0 0 13 * 5', '2027-08-07T00:00Z', ['2027-08-13T00:00Z', '2027-08-20T00:00Z']],
    ['0 0 13 * 5', '2027-09-11T00:00Z', ['2027-09-13T00:00Z', '2027-09-17T00:00Z']],
    ['0 0 */2 * 1', '2027-01-05T00:00Z', ['2027-01-11T00:00Z', '2027-01-25T00:00Z']],
    ['@daily', '2027-01-01T00:00Z', ['2027-01-02T00:00Z']],
    ['@Weekly', '2027-01-01T00:00Z', ['2027-01-03T00:00Z']],
    ['0 0 31 4,6 *', '2027-01-01T00:00Z', []],
  ])('%s ticks after %s', (cron, after, expected) => {
    expect(ticks(cron, 'UTC', after, expected.length || 1)).toEqual(expected)
  })

  it.each([
    // Put forward at 2:00, which is 3:00 at once: what is named and left out comes as much later, and once.
    ['30 2 * * *', berlin, '2027-03-27T12:00Z', ['2027-03-28T01:30Z', '2027-03-29T00:30Z']],
    ['15 2,3 * * *', berlin, '2027-03-27T12:00Z', ['2027-03-28T01:15Z', '2027-03-29T00:15Z', '2027-03-29T01:15Z']],
    ['30 2 * * 0', berlin, '2027-03-27T12:00Z', ['2027-03-28T01:30Z', '2027-04-04T00:30Z']],
    ['0 8 * * 0', berlin, '2027-03-27T12:00Z', ['2027-03-28T06:00Z', '2027-04-04T06:00Z']],
    ['30 2 * * *', newYork, '2027-03-13T12:00Z', ['2027-03-14T07:30Z', '2027-03-15T06:30Z']],
    // Put back at 3:00, which is 2:00 again: the first time only.
    ['30 2 * * *', berlin, '2027-10-30T12:00Z', ['2027-10-31T00:30Z', '2027-11-01T01:30Z']],
    ['30 2 * * *', berlin, '2027-10-31T00:45Z', ['2027-11-01T01:30Z']],
    ['*/30 2 * * *', berlin, '2027-10-30T12:00Z', ['2027-10-31T00:00Z', '2027-10-31T00:30Z', '2027-11-01T01:00Z']],
    ['0 3 * * *', berlin, '2027-10-30T12:00Z', ['2027-10-31T02:00Z']],
    ['30 1 * * *', newYork, '2027-11-06T12:00Z', ['2027-11-07T05:30Z', '2027-11-08T06:30Z']],
    // With a star for the hour: as the time passes, no tick too many and none too few.
    ['30 * * * *', berlin, '2027-03-28T00:00Z', ['2027-03-28T00:30Z', '2027-03-28T01:30Z', '2027-03-28T02:30Z']],
    ['30 * * * *', berlin, '2027-10-30T23:45Z', ['2027-10-31T00:30Z', '2027-10-31T01:30Z', '2027-10-31T02:30Z']],
    ['0 * * * *', newYork, '2027-11-07T04:30Z', ['2027-11-07T05:00Z', '2027-11-07T06:00Z', '2027-11-07T07:00Z']],
    // Half an hour, and a midnight that is left out.
    ['15 2 * * *', 'Australia/Lord_Howe', '2027-10-02T00:00Z', ['2027-10-02T15:45Z', '2027-10-03T15:15Z']],
    ['*/15 * * * 0', 'Australia/Lord_Howe', '2027-04-03T14:40Z', ['2027-04-03T14:45Z', '2027-04-03T15:00Z']],
    ['0 0 * * *', 'America/Havana', '2027-03-13T12:00Z', ['2027-03-14T05:00Z', '2027-03-15T04:00Z']],
    ['0 0 * * *', 'America/Havana', '2027-11-06T12:00Z', ['2027-11-07T04:00Z', '2027-11-08T05:00Z']],
  ])('%s in %s ticks after %s by that clock', (cron, zone, after, expected) => {
    // Lord Howe's spring gap is half an hour; 2:15 comes as much later.
    expect(ticks(cron, zone, after, expected.length)).toEqual(expected)
  })

  it.each([
    ['', 'five fields'],
    ['* * * *', 'five fields'],
    ['0 * * * * *', 'intervalSeconds'],
    ['60 * * * *', '"60" for the minute; numbers go from 0 to 59'],
    ['* 24 * * *', 'hour'],
    ['* * 0 * *', 'day of month'],
    ['* * 32 * *', 'day of month'],
    ['* * * 13 *', 'month'],
    ['* * * * 8', 'day of week'],
    ['*/0 * * * *', 'minute'],
    ['*/x * * * *', 'minute'],
    ['5-1 * * * *', 'minute'],
    ['1-2-3 * * * *', 'minute'],
    ['-1 * * * *', 'minute'],
    ['1.5 * * * *', 'minute'],
    ['1,,2 * * * *', 'minute'],
    ['? * * * *', 'minute'],
    ['L * * * *', 'minute'],
    ['H * * * *', 'minute'],
    ['* * * FEBRUARY *', 'month'],
    ['* * * * MON#6', 'day of week'],
    ['* * * * MON#', 'day of week'],
    ['* * * * L', 'day of week'],
    ['@reboot', '@daily'],
    ['@', '@daily'],
  ])('refuses "%s" and says what is wrong', (cron, words) => {
    expect(() => parseCron(cron)).toThrow(words)
  })

  it('finds the last of the ticks that passed, also after years, and none that is too old', () => {
    const last = (cron: string, since: string, until: string) =>
      lastTick(parseCron(cron), berlin, { since: new Date(since), until: new Date(until) })?.toISOString()
    expect(last('30 2 * * *', '2027-03-20T00:00Z', '2027-03-28T01:29Z')).toBe('2027-03-27T01:30:00.000Z')
    expect(last('30 2 * * *', '2027-03-20T00:00Z', '2027-03-28T01:30Z')).toBe('2027-03-28T01:30:00.000Z')
    expect(last('* * * * *', '1999-01-01T00:00Z', '2027-03-28T01:30:59Z')).toBe('2027-03-28T01:30:00.000Z')
    expect(last('0 0 29 2 *', '2020-01-01T00:00Z', '2027-03-28T00:00Z')).toBe('2024-02-28T23:00:00.000Z')
    expect(last('30 2 * * *', '2027-03-27T01:30Z', '2027-03-28T01:29Z')).toBeUndefined()
  })

  it('agrees with itself: the last tick up to a tick is that tick, all through a year of two changes', () => {
    for (const zone of [berlin, newYork]) {
      for (const cron of ['7 2 * * *', '*/45 * * * *', '0 1-3 * * 0']) {
        let since = new Date('2027-01-01T00:00Z')
        for (let at = 0; at < 300; at++) {
          const tick = nextTick(parseCron(cron), zone, since) ?? new Date(0)
          expect(tick.getTime()).toBeGreaterThan(since.getTime())
          expect(lastTick(parseCron(cron), zone, { since, until: tick })).toEqual(tick)
          since = tick
        }
      }
    }
  })

  it('knows time zones by their names, and nothing else', () => {
    const known = [berlin, newYork, 'UTC', 'Asia/Kolkata', 'europe/berlin', 'Etc/GMT+5']
    expect(known.filter((name) => !isTimeZone(name))).toEqual([])
    const unknown = ['', 'Berlin', '+01:00', 'UTC+1', 'Europe/Berlin ', '../etc/passwd', 'x'.repeat(65)]
    expect(unknown.filter(isTimeZone)).toEqual([])
  })
})
