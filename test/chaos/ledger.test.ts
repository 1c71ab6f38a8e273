import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { readBooks } from '../../scripts/chaos/ledger.ts'
import { bookFindings, describeFindings } from '../../scripts/chaos/report.ts'
import { completeTasks } from '../../src/db/claims.ts'
import { type Ledger, openLedger } from '../support/ledger.ts'

describe('what chaos finds in the ledger', () => {
  let ledger: Ledger
  let told: Set<string>

  beforeAll(async () => {
    ledger = await openLedger()
    await ledger.sql`create table chaos_effects (task_id uuid not null, epoch int not null)`
  })
  afterAll(() => ledger.close())
  beforeEach(async () => {
    await ledger.sql`truncate table tasks, chaos_effects cascade`
    told = new Set()
    await done()
  })

  /** A task as it should end, of which a client was told. */
  async function done(): Promise<string> {
    const taskId = await ledger.addTask()
    told.add(taskId)
    const claim = await ledger.claim(taskId, 0)
    await completeTasks(ledger.sql, [{ taskId, epoch: claim?.epoch ?? 0, results: {} }])
    await effect(taskId)
    return taskId
  }
  const effect = (taskId: string) => ledger.sql`insert into chaos_effects (task_id, epoch) values (${taskId}, 1)`

  async function found() {
    const { lost, doubled, unsound, surplus } = await readBooks(ledger.sql, told)
    return { lost, doubled, unsound, surplus }
  }
  const nothing = { lost: [], doubled: [], unsound: [], surplus: [] }

  it('is nothing when every task ended as it should', async () => {
    expect(await found()).toEqual(nothing)
  })

  it('is a task that is not there, that has not ended, or that left no effect', async () => {
    const gone = randomUUID()
    told.add(gone)
    const waiting = await ledger.addTask()
    told.add(waiting)
    const idle = await done()
    await ledger.sql`delete from chaos_effects where task_id = ${idle}`
    const { lost } = await found()
    expect(lost).toHaveLength(3)
    expect(lost).toEqual(
      expect.arrayContaining([
        { taskId: gone, why: 'is not in the ledger' },
        { taskId: waiting, why: 'is Pending' },
        { taskId: idle, why: 'is Completed without its effect' },
      ]),
    )
  })

  it('is an effect that was applied twice', async () => {
    const taskId = await done()
    await effect(taskId)
    expect(await found()).toEqual({ ...nothing, doubled: [{ taskId, why: 'had its effect 2 times' }] })
  })

  it.each([
    ['a gap', 'delete from task_events where task_id = $1 and seq = 2', 'has 2 events from 1 to 3, and counts 3'],
    ['no end', `update task_events set type = 'task.started' where task_id = $1 and seq = 3`, 'has 0 ends'],
    ['two ends', `update task_events set type = 'task.failed' where task_id = $1 and seq = 2`, 'has 2 ends'],
    [
      'something after its end',
      `update task_events set type = case seq when 2 then 'task.completed' when 3 then 'task.started' else type end
        where task_id = $1`,
      'has events after its end (2 of 3)',
    ],
  ])('is a history with %s', async (_, damage, why) => {
    const taskId = await done()
    await ledger.sql.unsafe(damage, [taskId])
    expect(await found()).toEqual({ ...nothing, unsound: [{ taskId, why }] })
  })

  it('is a task of which no client was told', async () => {
    const taskId = await done()
    told.delete(taskId)
    expect(await found()).toEqual({ ...nothing, surplus: [{ taskId, why: 'is Completed and known to no client' }] })
  })

  it('is told by name', async () => {
    const gone = randomUUID()
    told.add(gone)
    const report = describeFindings(bookFindings(await readBooks(ledger.sql, told), told.size))
    expect(report).toContain(`BROKEN acknowledged tasks lost: 1 of 2\n    task ${gone} is not in the ledger`)
    expect(report).toContain('held   effects applied twice: 0 of 2')
    expect(report.split('\n').at(-1)).toBe('1 of 4 did not hold')
  })
})
