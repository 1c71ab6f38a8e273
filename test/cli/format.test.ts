import { expect, test } from 'vitest'
import { formatAdvance, formatBytes } from '../../src/cli/format.ts'

const kiB = 1024

test.each([
  [0, '0 B'],
  [0.6, '1 B'],
  [1023, '1023 B'],
  [kiB, '1.0 KiB'],
  [999.9 * kiB, '999.9 KiB'],
  [999.97 * kiB, '1000 KiB'],
  [1000 * kiB, '1000 KiB'],
  [kiB ** 2, '1.0 MiB'],
  [12.34 * kiB ** 2, '12.3 MiB'],
  [5 * kiB ** 4, '5.0 TiB'],
])('%d bytes are read as %s', (bytes, read) => expect(formatBytes(bytes)).toBe(read))

test('no size under a PiB is wider than another may be', () => {
  for (let bytes = 1; bytes < 1000 * kiB ** 4; bytes *= 1.001) expect(formatBytes(bytes).length).toBeLessThanOrEqual(9)
})

test('a line of progress leaves room for a name on a terminal of 80 columns', () => {
  const all = 1000 * kiB
  const line = formatAdvance({ loadedBytes: all, totalBytes: all, bytesPerSecond: all, secondsLeft: 0 })
  expect(line).toBe('████████████████ 100 %  1000 KiB of 1000 KiB  1000 KiB/s  0 s left')
})
