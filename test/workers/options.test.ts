import { describe, expect, it } from 'vitest'
import { readWorkerOptions } from '../../workers/options.ts'

const slots = (...args: string[]) => Object.fromEntries(readWorkerOptions(args).slots)

describe('what a worker serves', () => {
  it('is every queue unless it is told otherwise, the most urgent one first', () => {
    expect(readWorkerOptions([])).toEqual({
      concurrency: 4,
      slots: new Map([
        ['high', 2],
        ['normal', 1],
        ['low', 1],
      ]),
    })
  })

  it.each([
    [['--concurrency', '3'], { high: 1, normal: 1, low: 1 }],
    [['--concurrency', '8'], { high: 3, normal: 3, low: 2 }],
    [['--queues', 'low'], { low: 4 }],
    [['--queues', 'low, high', '--concurrency', '3'], { high: 2, low: 1 }],
    [['--queues=high,high', '--concurrency=1'], { high: 1 }],
  ])('%j', (args, expected) => {
    expect(slots(...args)).toEqual(expected)
  })

  it.each([
    [['--concurrency', '2'], /each of the 3 queues needs a slot/],
    [['--queues', 'high,low', '--concurrency', '1'], /each of the 2 queues needs a slot/],
    [['--concurrency', '0'], /whole number from 1 to 1000/],
    [['--concurrency', 'many'], /whole number from 1 to 1000/],
    [['--concurrency', '2.5'], /whole number from 1 to 1000/],
    [['--queues', 'urgent'], /no queue "urgent"/],
    [['--queues', ''], /no queue ""/],
    [['--quick'], /--quick/],
  ])('%j is refused', (args, message) => {
    expect(() => readWorkerOptions(args)).toThrow(message)
  })
})
