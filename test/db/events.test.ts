import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { transact } from '../../src/db/connect.ts'
import { appendEvent } from '../../src/db/events.ts'
import { deleteOldTasks, deleteTask } from '../../src/db/tasks.ts'
import { type Ledger, openLedger } from '../support/ledger.ts'
import { until } from '../support/system.ts'

describe('the events of a task that is removed', () => {
  let ledger: Ledger
  beforeAll(async () => {
    ledger = await openLedger()
  })
  afterAll(() => ledger.close())

  const ended = async (): Promise<string> => {
    const taskId = await ledger.addTask()
    await ledger.sql`update tasks set status = 'Failed', runnable = false, completed_at = now() where id = ${taskId}`
    return taskId
  }
  it('go with it, by hand or by age', async () => {
    const [one, other, kept] = [await ended(), await ended(), await ledger.addTask()]
    expect(await deleteTask(ledger.sql, one)).toBe(true)
    expect(await ledger.eventTypes(one)).toEqual([])
    expect(await ledger.eventTypes(other)).toEqual(['task.created'])
    expect(await deleteOldTasks(ledger.sql, 0, 100)).toBe(1)
    expect([await ledger.eventTypes(other), await ledger.eventTypes(kept)]).toEqual([[], ['task.created']])
  })

  it('go also when one was being written as the task was removed', async () => {
    const taskId = await ended()
    let removed: Promise<boolean> | undefined
    await transact(ledger.sql, async (query) => {
      await appendEvent(query, { taskId, type: 'task.failed', data: {} })
      removed = deleteTask(ledger.sql, taskId)
      await until(async () => {
        const [waiting] = await ledger.sql`
          select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
        return waiting && true
      })
    })
    expect(await removed).toBe(true)
    expect(await ledger.eventTypes(taskId)).toEqual([])
  })
})
