import { describe, expect, it } from 'vitest'
import { preferredWaitMs } from '../../src/http/prefer.ts'

describe('Prefer', () => {
  it.each([
    [undefined, 25_000],
    ['', 25_000],
    ['return=minimal', 25_000],
    ['respond-async', 0],
    ['Respond-Async', 0],
    ['wait=0', 0],
    ['wait=7', 7000],
    ['wait = 7', 7000],
    ['wait="7"', 7000],
    ['wait=3600', 25_000],
    ['wait=-1', 25_000],
    ['wait=soon', 25_000],
    ['wait=99999999999999999999', 25_000],
    ['respond-async, wait=5', 5000],
    ['return=minimal; x=1, respond-async; y', 0],
    ['xrespond-async', 25_000],
    [';;,,=', 25_000],
  ])('%j waits %d ms', (field, waitMs) => {
    expect(preferredWaitMs(field, 25_000)).toBe(waitMs)
  })
})
