import { pino } from 'pino'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { PoolChecks } from '../../src/files/pool-checks.ts'
import { PoolFault } from '../../src/storage/failure.ts'

const mebibyte = 1024 * 1024
const pool = { id: 'a', name: 'main' }
const away = new AppError('STORAGE_UNAVAILABLE', 'No.', { cause: new PoolFault('UNREACHABLE', 'ECONNREFUSED') })

describe('what is known of a pool', () => {
  let probes: number
  let answer: () => Promise<number | undefined>
  let lines: string[]
  let checks: PoolChecks
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] })
    probes = 0
    answer = async () => undefined
    lines = []
    const log = pino({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line).msg) })
    checks = new PoolChecks(() => {
      probes++
      return answer()
    }, log)
    return () => vi.useRealTimers()
  })

  it('holds for some seconds, whoever asks', async () => {
    const healthy = { poolId: 'a', problem: null, freeBytes: null }
    const answers = await Promise.all(Array.from({ length: 100 }, () => checks.check(pool)))
    expect(answers).toEqual(Array.from({ length: 100 }, () => healthy))
    vi.advanceTimersByTime(4999)
    expect(await checks.check(pool)).toEqual(healthy)
    expect(probes).toBe(1)
    vi.advanceTimersByTime(1)
    await checks.check(pool)
    expect(probes).toBe(2)
  })

  it('is that it does not answer, while one probe waits for it', async () => {
    let comeBack = (): void => {}
    answer = () => new Promise((resolve) => (comeBack = () => resolve(undefined)))
    for (let asked = 0; asked < 3; asked++) {
      const asking = checks.check(pool)
      vi.advanceTimersByTime(2500)
      expect(await asking).toEqual({ poolId: 'a', problem: 'UNREACHABLE', freeBytes: null })
    }
    expect(probes).toBe(1)
    comeBack()
    expect(await checks.failingForMs(pool)).toBeUndefined()
    expect(await checks.check(pool)).toMatchObject({ problem: null })
    expect(probes).toBe(1)
  })

  it('is what room there is, and that it is full when that is not enough for a chunk', async () => {
    answer = async () => 70 * mebibyte
    expect(await checks.check(pool)).toEqual({ poolId: 'a', problem: null, freeBytes: 70 * mebibyte })
    answer = async () => 60 * mebibyte
    vi.advanceTimersByTime(5000)
    expect(await checks.check(pool)).toEqual({ poolId: 'a', problem: 'STORAGE_FULL', freeBytes: 60 * mebibyte })
  })

  it('is for how long it has been away, asked anew when it was there', async () => {
    expect(await checks.failingForMs(pool)).toBeUndefined()
    answer = () => Promise.reject(away)
    expect(await checks.failingForMs(pool)).toBe(0)
    vi.advanceTimersByTime(3000)
    expect(await checks.failingForMs(pool)).toBe(3000)
    expect(probes).toBe(2)
    vi.advanceTimersByTime(4000)
    expect(await checks.failingForMs(pool)).toBe(7000)
    expect(probes).toBe(3)
    answer = async () => undefined
    vi.advanceTimersByTime(5000)
    expect(await checks.failingForMs(pool)).toBeUndefined()
    expect(lines).toEqual([
      'the storage pool "main" cannot be used: ECONNREFUSED',
      'the storage pool "main" can be used again',
    ])
  })
})
