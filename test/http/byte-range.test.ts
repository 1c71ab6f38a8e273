import { describe, expect, it } from 'vitest'
import { chooseRanges, contentRange } from '../../src/http/byte-range.ts'

/** Ranges as `first-last`, which is how the cases are written. */
function chosen(field: string | undefined, sizeBytes: number): string {
  const choice = chooseRanges(field, sizeBytes)
  if (choice.kind !== 'ranges') return choice.kind
  return choice.ranges.map((r) => `${r.startBytes}-${r.startBytes + r.lengthBytes - 1}`).join(' ')
}

const list = (count: number, spec: (index: number) => string) =>
  `bytes=${Array.from({ length: count }, (_, i) => spec(i)).join()}`

describe('one range', () => {
  it.each([
    ['bytes=0-0', '0-0'],
    ['bytes=0-499', '0-499'],
    ['bytes=500-999', '500-999'],
    ['bytes=500-', '500-999'],
    ['bytes=0-', '0-999'],
    ['bytes=999-', '999-999'],
    ['bytes=990-5000', '990-999'],
    ['bytes=-1', '999-999'],
    ['bytes=-500', '500-999'],
    ['bytes=-1000', '0-999'],
    ['bytes=-1001', '0-999'],
    ['BYTES=1-2', '1-2'],
    ['bytes= 1-2 ', '1-2'],
    ['bytes=0001-0002', '1-2'],
    [`bytes=0-${'9'.repeat(4000)}`, '0-999'],
    [`bytes=-${'9'.repeat(4000)}`, '0-999'],
  ])('%.40s', (field, expected) => {
    expect(chosen(field, 1000)).toBe(expected)
  })
})

describe('nothing to give', () => {
  it.each(['bytes=1000-', 'bytes=1000-2000', 'bytes=-0', 'bytes=1000-1001,2000-', `bytes=${'9'.repeat(4000)}-`])(
    '%.40s',
    (field) => {
      expect(chosen(field, 1000)).toBe('unsatisfiable')
    },
  )
})

describe('a field that counts for nothing', () => {
  it.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes=-',
    'bytes=--1',
    'bytes=1-0',
    'bytes=0-1,2-1',
    'bytes=0-1,x',
    'bytes=0-1;2-3',
    'bytes=0x0-1',
    'bytes=1.0-2',
    'bytes=+1-2',
    'bytes=1e1-20',
    'bytes=1 -2',
    'bytes=1-2-3',
    'bytes =1-2',
    ' bytes=1-2',
    'bytes=\u00a01-2',
    'bytes=0-1, bytes=2-3',
    'bytes=١-٢',
    'bytes: 0-1',
    'items=0-1',
    'none',
    '=0-1',
  ])('%s', (field) => {
    expect(chosen(field, 1000)).toBe('whole')
  })
})

describe('several ranges', () => {
  it.each([
    ['bytes=0-1,4-5', '0-1 4-5'],
    ['bytes=4-5, 0-1', '4-5 0-1'],
    ['bytes=0-1,,4-5,', '0-1 4-5'],
    ['bytes=0-1\t,\t4-5', '0-1 4-5'],
    ['bytes=0-1,2-3', '0-3'],
    ['bytes=2-3,0-1', '0-3'],
    ['bytes=0-5,3-9', '0-9'],
    ['bytes=0-9,2-3', '0-9'],
    ['bytes=500-,-100', '500-999'],
    ['bytes=900-901,0-1,902-903', '900-903 0-1'],
    ['bytes=0-0,-1', '0-0 999-999'],
    ['bytes=0-0,5000-', '0-0'],
    ['bytes=-0,7-8', '7-8'],
  ])('%s', (field, expected) => {
    expect(chosen(field, 1000)).toBe(expected)
  })

  it('gives up to 16 parts, and everything when more are asked for', () => {
    expect(
      chosen(
        list(16, (i) => `${i * 10}-${i * 10}`),
        1000,
      ).split(' '),
    ).toHaveLength(16)
    expect(
      chosen(
        list(17, (i) => `${i * 10}-${i * 10}`),
        1000,
      ),
    ).toBe('whole')
  })

  it('counts the parts after joining neighbors', () => {
    expect(
      chosen(
        list(1000, (i) => `${i}-${i}`),
        1000,
      ),
    ).toBe('0-999')
    expect(
      chosen(
        list(999, (i) => `${998 - i}-${998 - i}`),
        1000,
      ),
    ).toBe('0-998')
  })

  it('gives everything to whoever asks for the same bytes again and again', () => {
    expect(chosen('bytes=0-9,5-14,10-19', 1000)).toBe('0-19')
    expect(
      chosen(
        list(4, () => '0-9'),
        1000,
      ),
    ).toBe('whole')
    expect(
      chosen(
        list(3000, (i) => `${i}-`),
        5000,
      ),
    ).toBe('whole')
  })
})

describe('an empty file', () => {
  it.each([
    ['bytes=0-', 'whole'],
    ['bytes=0-99', 'whole'],
    ['bytes=-5', 'whole'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=1-', 'unsatisfiable'],
  ])('%s', (field, expected) => {
    expect(chosen(field, 0)).toBe(expected)
  })
})

it('counts in a file of a tebibyte without losing a byte', () => {
  const sizeBytes = 2 ** 40 + 1
  expect(chosen(`bytes=${2 ** 40}-`, sizeBytes)).toBe('1099511627776-1099511627776')
  expect(contentRange({ startBytes: 2 ** 40, lengthBytes: 1 }, sizeBytes)).toBe(
    'bytes 1099511627776-1099511627776/1099511627777',
  )
})
