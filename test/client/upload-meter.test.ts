import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { UploadMeter } from '../../src/client/upload-meter.ts'

const plan = { taskId: 'a-task', chunkSize: 10, chunksCount: 4, missing: [0, 1, 2, 3], isResumed: false }

describe('the meter of an upload', () => {
  let told: number[] = []
  const begin = (): UploadMeter => {
    const meter = new UploadMeter(
      ({ percent }) => told.push(percent),
      () => ({ isPaused: false, parallel: 2 }),
    )
    meter.begin({ name: 'a.bin', sizeBytes: 40 }, undefined)
    meter.uploading(plan)
    told = []
    return meter
  }

  beforeEach(() => {
    vi.useFakeTimers()
    told = []
  })
  afterEach(() => vi.useRealTimers())

  it('tells what came too soon after the last a little later, though nothing comes after it', () => {
    const meter = begin()
    vi.advanceTimersByTime(1000)
    for (const index of [0, 1, 2]) meter.arrived(index, 10)
    expect(told).toEqual([25])
    vi.advanceTimersByTime(100)
    expect(told).toEqual([25, 75])
    vi.advanceTimersByTime(1000)
    expect(told).toEqual([25, 75])
  })

  it('tells the last at once and nothing after it', () => {
    const meter = begin()
    for (const index of [0, 1, 2, 3]) meter.arrived(index, 10)
    meter.done()
    vi.advanceTimersByTime(1000)
    expect(told).toEqual([100, 100])
  })

  it('tells nothing of an upload that was given up', () => {
    const meter = begin()
    meter.arrived(0, 10)
    meter.stop()
    vi.advanceTimersByTime(1000)
    expect(told).toEqual([])
  })
})
