import { describe, expect, it } from 'vitest'
import { Journal, textOf, type Told } from '../../scripts/chaos/realtime/journal.ts'
import { faultFindings, findFaults, isComplete } from '../../scripts/chaos/realtime/judge.ts'
import { readRealtimeOptions } from '../../scripts/chaos/realtime/options.ts'
import { planStrikes } from '../../scripts/chaos/realtime/strikes.ts'

const task = { a: 'task a', b: 'task b' }
const types = ['task.created', 'task.started', 'task.completed']

/** What the ledger has of two tasks. */
const ledger: Told[] = [task.a, task.b].flatMap((taskId) =>
  types.map((type, index) => ({ taskId, seq: index + 1, text: textOf(type, { taskId, seq: index + 1 }) })),
)

/** A client that was told these, each as task and number. */
function told(...events: [taskId: string, seq: number][]): Journal {
  const journal = new Journal()
  for (const [taskId, seq] of events) journal.note(types[seq - 1] ?? 'more', { seq, taskId }, `after ${taskId} ${seq}`)
  return journal
}

const { a, b } = task
const faultsOf = (journal: Journal) => {
  const faults = findFaults([{ name: 'it', journal, ledger }])
  return Object.fromEntries(Object.entries(faults).filter(([, found]) => found.length > 0))
}

describe('what chaos finds in what clients were told', () => {
  it('is nothing when each was told all of the ledger, whatever the order between tasks', () => {
    const journal = told([b, 1], [a, 1], [a, 2], [b, 2], [b, 3], [a, 3])
    expect(faultsOf(journal)).toEqual({})
    expect(isComplete({ name: 'it', journal, ledger })).toBe(true)
    expect(journal.after).toBe('after task a 3')
    expect(faultFindings(findFaults([]), 'of none').every(({ held }) => held)).toBe(true)
  })

  it('is what is missing, in the middle and at the end', () => {
    const journal = told([a, 1], [a, 3], [b, 1], [b, 2])
    expect(faultsOf(journal)).toEqual({ missing: [`it: event 2 of task ${a}`, `it: event 3 of task ${b}`] })
    expect(isComplete({ name: 'it', journal, ledger })).toBe(false)
    const findings = faultFindings(findFaults([{ name: 'it', journal, ledger }]), 'of 6')
    expect(findings.filter(({ held }) => held === false)).toMatchObject([
      { promise: 'events of the ledger that a client missed', measured: expect.stringContaining('2 of 6') },
    ])
  })

  it('is what came twice, out of order, or otherwise than the ledger has it', () => {
    expect(faultsOf(told([a, 1], [a, 2], [a, 3], [a, 2], [b, 1], [b, 2], [b, 3]))).toEqual({
      twice: [`it: event 2 of task ${a}`],
    })
    expect(faultsOf(told([a, 2], [a, 1], [a, 3], [b, 1], [b, 2], [b, 3]))).toEqual({
      disordered: [`it: event 1 of task ${a}`],
    })
    const invented = told([a, 1], [a, 2], [a, 3], [b, 1], [b, 2], [b, 3], [b, 4])
    invented.note('task.paused', { taskId: 'nobody’s', seq: 1 })
    expect(faultsOf(invented)).toEqual({
      invented: [expect.stringContaining(`event 4 of task ${b}`), expect.stringContaining('event 1 of task nobody’s')],
    })
    const changed = told([a, 1], [a, 2], [b, 1], [b, 2], [b, 3])
    changed.note('task.completed', { taskId: a, seq: 3, results: {} })
    expect(faultsOf(changed)).toEqual({ invented: [expect.stringContaining(`event 3 of task ${a}`)] })
  })

  it('is that somebody had to begin anew or was refused; progress does not count', () => {
    const journal = told([a, 1], [a, 2], [a, 3], [b, 1], [b, 2], [b, 3])
    journal.note('task.progress', { taskId: a, progress: 7 })
    journal.answered({ ok: true, replay: 'complete', after: 'here' })
    expect([faultsOf(journal), journal.after]).toEqual([{}, 'here'])
    journal.answered({ ok: true, replay: 'reset', reason: 'foreign', after: 'elsewhere' })
    journal.answered({ code: 'FORBIDDEN', status: 403 })
    expect(faultsOf(journal)).toEqual({
      complaints: ['it was to begin anew: foreign', expect.stringContaining('it was refused: {"code":"FORBIDDEN"')],
    })
  })
})

describe('npm run chaos -- realtime', () => {
  it('strikes in the same way for the same seed, everything and in every way', () => {
    const plan = (seed: number) => planStrikes({ seed, seconds: 180 })
    expect(plan(1)).toEqual(plan(1))
    expect(plan(2)).not.toEqual(plan(1))
    expect(plan(1).map(({ victim }) => victim)).toEqual(['api-1', 'api-2', 'worker-1', 'worker-2', 'queue'])
    for (const { victim, strikes } of plan(3)) {
      expect(strikes.reduce((sum, { afterMs, downMs }) => sum + afterMs + downMs, 0)).toBeGreaterThanOrEqual(180_000)
      const ways = [...new Set(strikes.map(({ how }) => how))].sort()
      expect(ways).toEqual(victim === 'queue' ? ['flush'] : ['SIGKILL', 'SIGTERM'])
    }
  })

  it('takes its options, and refuses others in one line', () => {
    const read = (...args: string[]) => readRealtimeOptions(args, () => 42)
    expect(read()).toEqual({ seed: 42, seconds: 180, clients: 32, engine: 'redis', brief: false, keep: false })
    expect(read('--brief', '--engine', 'postgres')).toMatchObject({ seconds: 12, clients: 12, engine: 'postgres' })
    expect(read('--help')).toBeUndefined()
    expect(() => read('--seconds', '4')).toThrow('--seconds must be a whole number from 5 to 3600, not "4".')
    expect(() => read('--engine', 'kafka')).toThrow('--engine must be redis or postgres, not "kafka".')
    expect(() => read('--rounds', '4')).toThrow(/^Unknown option '--rounds'[^\n]* --help shows the options\.$/)
  })
})
