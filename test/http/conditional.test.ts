import { describe, expect, it } from 'vitest'
import { evaluatePreconditions, ifRangeHolds, type Preconditions } from '../../src/http/conditional.ts'
import { parseHttpDate } from '../../src/http/http-date.ts'

const changed = 'Sun, 06 Nov 1994 08:49:37 GMT'
const before = 'Sun, 06 Nov 1994 08:49:36 GMT'
const after = 'Sun, 06 Nov 1994 08:49:38 GMT'
const current = { etag: '"now"', lastModifiedMs: Date.UTC(1994, 10, 6, 8, 49, 37, 250) }

function outcome(fields: Partial<Preconditions>): string {
  const none = { ifMatch: undefined, ifNoneMatch: undefined, ifModifiedSince: undefined, ifUnmodifiedSince: undefined }
  return evaluatePreconditions({ ...none, ...fields }, current)
}

describe('If-None-Match, compared weakly', () => {
  it.each([
    ['"now"', 'unmodified'],
    ['W/"now"', 'unmodified'],
    ['*', 'unmodified'],
    ['"old", "now"', 'unmodified'],
    ['"a,b" ,, W/"x","now"', 'unmodified'],
    ['"old"', 'proceed'],
    ['w/"now"', 'proceed'],
    ['now', 'proceed'],
    ['"now', 'proceed'],
    ['"old" "now"', 'proceed'],
    ['"old", *', 'proceed'],
    ['"x,"now""', 'proceed'],
    ['', 'proceed'],
    ['"'.repeat(15_000), 'proceed'],
    [`${'"a",'.repeat(3000)}"now"`, 'unmodified'],
    [' '.repeat(15_000), 'proceed'],
  ])('%.40s', (ifNoneMatch, expected) => {
    expect(outcome({ ifNoneMatch })).toBe(expected)
  })
})

describe('If-Match, compared strongly', () => {
  it.each([
    ['"now"', 'proceed'],
    ['"old", "now"', 'proceed'],
    ['*', 'proceed'],
    ['W/"now"', 'failed'],
    ['"old"', 'failed'],
    ['now', 'failed'],
    ['', 'failed'],
  ])('%s', (ifMatch, expected) => {
    expect(outcome({ ifMatch })).toBe(expected)
  })
})

describe('dates, to the second', () => {
  it.each([
    [{ ifModifiedSince: before }, 'proceed'],
    [{ ifModifiedSince: changed }, 'unmodified'],
    [{ ifModifiedSince: after }, 'unmodified'],
    [{ ifModifiedSince: 'yesterday' }, 'proceed'],
    [{ ifModifiedSince: '2030' }, 'proceed'],
    [{ ifUnmodifiedSince: before }, 'failed'],
    [{ ifUnmodifiedSince: changed }, 'proceed'],
    [{ ifUnmodifiedSince: after }, 'proceed'],
    [{ ifUnmodifiedSince: 'yesterday' }, 'proceed'],
  ])('%j', (fields, expected) => {
    expect(outcome(fields)).toBe(expected)
  })
})

describe('what comes first', () => {
  it.each([
    [{ ifMatch: '"now"', ifUnmodifiedSince: before }, 'proceed'],
    [{ ifMatch: '"old"', ifUnmodifiedSince: after }, 'failed'],
    [{ ifNoneMatch: '"old"', ifModifiedSince: after }, 'proceed'],
    [{ ifNoneMatch: '"now"', ifModifiedSince: before }, 'unmodified'],
    [{ ifMatch: '"old"', ifNoneMatch: '"now"' }, 'failed'],
    [{ ifMatch: '"now"', ifNoneMatch: '"now"' }, 'unmodified'],
    [{ ifUnmodifiedSince: before, ifNoneMatch: '"now"' }, 'failed'],
    [{ ifUnmodifiedSince: changed, ifModifiedSince: changed }, 'unmodified'],
  ])('%j', (fields, expected) => {
    expect(outcome(fields)).toBe(expected)
  })
})

describe('If-Range', () => {
  it.each([
    [undefined, true],
    ['"now"', true],
    ['W/"now"', false],
    ['"old"', false],
    ['"old", "now"', false],
    ['*', false],
    [changed, true],
    [before, false],
    [after, false],
    ['nonsense', false],
  ])('%s', (field, expected) => {
    expect(ifRangeHolds(field, current)).toBe(expected)
  })
})

describe('an HTTP-date', () => {
  const nowMs = Date.UTC(2026, 0, 1)

  it.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', '1994-11-06T08:49:37.000Z'],
    ['Sunday, 06-Nov-94 08:49:37 GMT', '1994-11-06T08:49:37.000Z'],
    ['Sun Nov  6 08:49:37 1994', '1994-11-06T08:49:37.000Z'],
    ['Thu, 29 Feb 2024 23:59:60 GMT', '2024-03-01T00:00:00.000Z'],
    ['Friday, 06-Nov-76 00:00:00 GMT', '2076-11-06T00:00:00.000Z'],
    ['Sunday, 06-Nov-77 00:00:00 GMT', '1977-11-06T00:00:00.000Z'],
  ])('%s', (text, expected) => {
    expect(new Date(parseHttpDate(text, nowMs) ?? Number.NaN).toISOString()).toBe(expected)
  })

  it.each([
    '',
    '0',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 30 Feb 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'sun, 06 nov 1994 08:49:37 gmt',
    `${changed}, ${changed}`,
  ])('is not %j', (text) => {
    expect(parseHttpDate(text, nowMs)).toBeUndefined()
  })
})
