import { expect, test } from 'vitest'
import { createProgressFilter } from '../../src/realtime/progress-filter.ts'

const taskId = 'a'

test('only newer progress of a task passes: by epoch, then by counter', () => {
  const filter = createProgressFilter()
  const passed = [
    { epoch: 1, counter: 5 },
    { epoch: 1, counter: 5 },
    { epoch: 1, counter: 4 },
    { epoch: 1, counter: 6 },
    { epoch: 2, counter: 1 },
    { epoch: 1, counter: 99 },
  ].map((progress) => filter.accepts({ taskId, ...progress }))
  expect(passed).toEqual([true, false, false, true, true, false])
  expect(filter.accepts({ taskId: 'b', epoch: 1, counter: 1 })).toBe(true)
})

test.each(['upload.completed', 'upload.failed', 'task.completed', 'task.failed', 'task.cancelled', 'task.expired'])(
  'nothing passes after %s, however new, until a retry',
  (type) => {
    const filter = createProgressFilter()
    filter.note({ taskId, type })
    expect(filter.accepts({ taskId, epoch: 9, counter: 9 })).toBe(false)
    filter.note({ taskId, type: 'task.retried' })
    expect(filter.accepts({ taskId, epoch: 1, counter: 1 })).toBe(true)
  },
)

test('an end is remembered for a minute, also while late progress keeps coming', () => {
  let nowMs = 1_000_000
  const filter = createProgressFilter({ now: () => nowMs })
  filter.note({ taskId, type: 'upload.completed' })
  for (let second = 0; second < 59; second += 1) {
    nowMs += 1_000
    expect(filter.accepts({ taskId, epoch: 9, counter: second })).toBe(false)
  }
  nowMs += 2_000
  expect(filter.accepts({ taskId, epoch: 9, counter: 99 })).toBe(true)
})

test('memory is bounded: of too many tasks the one heard of longest ago is forgotten', () => {
  const filter = createProgressFilter({ maxTasks: 2 })
  const again = (id: string) => filter.accepts({ taskId: id, epoch: 1, counter: 1 })
  filter.accepts({ taskId: 'a', epoch: 1, counter: 1 })
  filter.accepts({ taskId: 'b', epoch: 1, counter: 1 })
  filter.accepts({ taskId: 'a', epoch: 1, counter: 2 })
  filter.accepts({ taskId: 'c', epoch: 1, counter: 1 })
  expect([again('a'), again('c'), again('b')]).toEqual([false, false, true])
})
