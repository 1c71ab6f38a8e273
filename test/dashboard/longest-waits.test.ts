import { describe, expect, it } from 'vitest'
import { longestWaits } from '../../src/dashboard/queues/longest-waits.ts'

const nowMs = Date.parse('2030-01-01T12:00:30Z')
const at = (time: string, longestWaitSeconds: number) => ({
  minute: `2030-01-01T${time}:00.000Z`,
  started: 1,
  completed: 0,
  failed: 0,
  longestWaitSeconds,
})
const told = (waits: { minute: number; value: number }[]) =>
  Object.fromEntries(
    waits
      .filter(({ value }) => value > 0)
      .map(({ minute, value }) => [new Date(minute).toISOString().slice(11, 16), value]),
  )

describe('the longest wait of each minute', () => {
  it('covers the last hour, whatever is known of it', () => {
    const waits = longestWaits({ minutes: [], oldestWaitSeconds: 0 }, nowMs)
    expect(waits).toHaveLength(60)
    expect(waits.map(({ minute }) => new Date(minute).toISOString()).at(0)).toBe('2030-01-01T11:01:00.000Z')
    expect(told(waits)).toEqual({})
  })

  it('of one that began after a wait is there in the minutes before as well', () => {
    const waits = longestWaits({ minutes: [at('11:30', 150)], oldestWaitSeconds: 0 }, nowMs)
    expect(told(waits)).toEqual({ '11:28': 30, '11:29': 90, '11:30': 150 })
  })

  it('of one that waits still goes back to when it came, and the longer one counts', () => {
    const waits = longestWaits({ minutes: [at('11:58', 40)], oldestWaitSeconds: 100 }, nowMs)
    expect(told(waits)).toEqual({ '11:58': 40, '11:59': 70, '12:00': 100 })
  })
})
