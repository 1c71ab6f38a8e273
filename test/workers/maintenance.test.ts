import { describe, expect, it } from 'vitest'
import { openLog } from '../../src/log.ts'
import { type Chore, startMaintenance } from '../../workers/maintenance.ts'
import { until } from '../support/system.ts'

function keep(chores: Chore[]) {
  const lines: Record<string, unknown>[] = []
  const log = openLog('test', { base: 'info', scopes: {} }, { write: (line) => void lines.push(JSON.parse(line)) })
  return { lines, maintenance: startMaintenance(chores, log.root) }
}

describe('maintenance', () => {
  it('does each chore again and again, never twice at once', async () => {
    let runs = 0
    let atOnce = 0
    let mostAtOnce = 0
    const run = async (): Promise<number> => {
      runs++
      mostAtOnce = Math.max(mostAtOnce, ++atOnce)
      await new Promise((resolve) => setTimeout(resolve, 10))
      atOnce--
      return runs === 2 ? 5 : 0
    }
    const { maintenance, lines } = keep([{ name: 'slow', everyMs: 1, run }])
    await until(async () => (runs >= 4 ? true : undefined))
    await maintenance.close()
    const after = runs
    expect(mostAtOnce).toBe(1)
    expect(lines.filter((line) => line['msg'] === 'swept')).toEqual([
      expect.objectContaining({ chore: 'slow', done: 5 }),
    ])
    await new Promise((resolve) => setImmediate(resolve))
    expect(runs).toBe(after)
  })

  it('goes on after a failure, says so once an outage, and lets others rest as long as they need', async () => {
    const at: number[] = []
    let others = 0
    const run = async (): Promise<number> => {
      at.push(performance.now())
      if (at.length === 1 || at.length === 2) throw new Error('away')
      return 0
    }
    const { maintenance, lines } = keep([
      { name: 'failing', everyMs: 1, restAfterFailureMs: 60, run },
      { name: 'other', everyMs: 1, run: async () => ++others },
    ])
    await until(async () => (at.length >= 4 ? true : undefined))
    await maintenance.close()
    const gaps = at.slice(1).map((time, nth) => time - (at[nth] ?? 0))
    expect(gaps[0]).toBeGreaterThanOrEqual(55)
    expect(gaps[1]).toBeGreaterThanOrEqual(55)
    expect(others).toBeGreaterThan(5)
    expect(lines.filter((line) => line['level'] === 'warn')).toHaveLength(1)
  })

  it('closes at once while it waits, and after the chore in hand', async () => {
    let ended = false
    let release = () => {}
    const begun = new Promise<void>((resolve) => {
      release = resolve
    })
    const { maintenance } = keep([
      { name: 'waiting', everyMs: 1_000_000, run: async () => 0 },
      {
        name: 'in hand',
        everyMs: 1,
        run: async () => {
          release()
          await new Promise((resolve) => setTimeout(resolve, 30))
          ended = true
          return 0
        },
      },
    ])
    await begun
    await maintenance.close()
    expect(ended).toBe(true)
  })
})
