import { describe, expect, it } from 'vitest'
import { readOptions } from '../../scripts/chaos/options.ts'

const read = (...args: string[]) => readOptions(args, () => 42)

describe('the options of npm run chaos', () => {
  it('need none, and then the run has a seed of its own', () => {
    expect(read()).toEqual({
      seed: 42,
      rounds: 20,
      tasks: 5000,
      kills: 50,
      engine: 'redis',
      brief: false,
      keep: false,
    })
  })

  it('repeat a run, at the size that is wanted', () => {
    expect(read('--seed', '7', '--rounds=2', '--tasks', '300', '--kills', '1', '--engine', 'postgres')).toMatchObject({
      seed: 7,
      rounds: 2,
      tasks: 300,
      kills: 1,
      engine: 'postgres',
    })
    expect(read('--brief', '--rounds', '5')).toMatchObject({ brief: true, rounds: 5, kills: 2 })
  })

  it('ask for help', () => {
    expect(read('--help', '--seed', '1')).toBeUndefined()
  })

  it.each([
    [['--seed', 'x'], '--seed must be a whole number from 0 to 4294967295, not "x".'],
    [['--seed', '4294967296'], '--seed must be'],
    [['--rounds', '0'], '--rounds must be a whole number from 1 to 1000, not "0".'],
    [['--tasks', '1e3'], '--tasks must be'],
    [['--kills', ''], '--kills must be'],
    [['--engine', 'kafka'], '--engine must be redis or postgres, not "kafka".'],
    [['--sede', '1'], "Unknown option '--sede'."],
    [['--seed'], "Option '--seed <value>' argument missing."],
    [['again'], "Unexpected argument 'again'."],
  ])('%j are refused in one line that says what is wrong', (args, message) => {
    const refused = () => read(...args)
    expect(refused).toThrow(message)
    expect(refused).toThrow(/^[^\n]+ --help shows the options\.$/)
  })
})
