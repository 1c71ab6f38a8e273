import { randomUUID } from 'node:crypto'
import { expect, it, onTestFinished } from 'vitest'
import { transact } from '../../src/db/connect.ts'
import { insertTasks, type NewTask } from '../../src/db/new-tasks.ts'
import { findTask } from '../../src/db/tasks.ts'
import { createDatabase } from '../support/postgres.ts'

it('answers tasks as the ledger has them, in the order given', async () => {
  const database = await createDatabase()
  onTestFinished(() => database.drop())
  const { sql, close } = database.open({ name: 'test', maxConnections: 1 })
  onTestFinished(() => close())
  const accountId = randomUUID()
  const least: NewTask = {
    id: randomUUID(),
    accountId,
    type: 'Test',
    name: 'least',
    status: 'Pending',
    parameters: {},
    priority: 50,
    runnable: true,
  }
  const tasks: NewTask[] = [
    { ...least, id: 'ffffffff-0000-4000-8000-000000000001' },
    {
      ...least,
      id: '00000000-0000-4000-8000-000000000002',
      name: 'Ω "all" \\ of it',
      description: 'what it is for',
      status: 'InProgress',
      parameters: { z: [1.5, 1e21, true, null], a: { ключ: 'значение' } },
      hasSecrets: true,
      permissions: ['files'],
      priority: 67,
      estimatedDurationSeconds: 9_007_199_254_740_991,
      expiredAt: new Date('2030-01-02T03:04:05.678Z'),
      runnable: false,
      waitsFor: 2,
      scheduleId: randomUUID(),
      scheduledFor: new Date('2029-01-02T03:04:05.678Z'),
    },
    { ...least, priority: 33 },
  ]
  const answered = await transact(sql, (query) => insertTasks(query, tasks))
  const kept = await Promise.all(tasks.map(({ id }) => findTask(sql, { taskId: id, accountId })))
  expect(answered).toEqual(kept)
  expect(answered.map(({ band }) => band)).toEqual(['normal', 'high', 'low'])
})
