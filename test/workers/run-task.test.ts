import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createBatchRequest } from '../../src/contract/task.ts'
import { AppError } from '../../src/errors.ts'
import { Permanent, registerJobs } from '../../src/tasks/define-job.ts'
import { submitTasks } from '../../src/tasks/submit.ts'
import { noTracing } from '../../src/tracing/tracing.ts'
import type { Ledger } from '../support/ledger.ts'
import { until } from '../support/system.ts'
import { completed, jobOf, openWorker, type Run, type TestWorker, testSealer } from '../support/worker.ts'

describe('running a delivery', () => {
  let worker: TestWorker
  let ledger: Ledger

  beforeAll(async () => {
    worker = await openWorker()
    ledger = worker.ledger
  })
  afterAll(() => worker.close())

  const deliver: TestWorker['deliver'] = (...delivery) => worker.deliver(...delivery)

  const begun = ['task.created', 'task.started']

  it('keeps the results and tells of them', async () => {
    const taskId = await ledger.addTask()
    await deliver(taskId, completed)
    expect(await ledger.task(taskId)).toMatchObject({
      status: 'Completed',
      results: { sum: 3 },
      leaseExpiresAt: null,
      progress: 100,
      lastSeq: 3,
    })
    const [event] = await ledger.sql`
      select type, seq, data from task_events where task_id = ${taskId} order by seq desc`
    expect(event).toEqual({
      type: 'task.completed',
      seq: 3,
      data: { taskId, name: 'a test', type: 'Test', completedAt: expect.any(String), results: { sum: 3 } },
    })
  })

  it('does nothing for an outdated delivery, and nothing twice', async () => {
    const taskId = await ledger.addTask()
    let runs = 0
    const counted: Run = async (context) => {
      runs++
      return completed(context)
    }
    await deliver(taskId, counted, { dispatch: -1 })
    await deliver(taskId, counted, { dispatch: 1 })
    expect(runs).toBe(0)
    await Promise.all([deliver(taskId, counted), deliver(taskId, counted), deliver(taskId, counted)])
    await deliver(taskId, counted)
    expect(runs).toBe(1)
    expect(await ledger.eventTypes(taskId)).toEqual([...begun, 'task.completed'])
  })

  it('keeps effects, end and event together, or none of them', async () => {
    const taskId = await ledger.addTask()
    let after = false
    await deliver(taskId, async () => ({
      kind: 'completed',
      results: {},
      commit: async (query) => {
        await query`insert into bundles (id, account_id, name) values (${taskId}, ${taskId}, 'effect')`
        throw new Error('the effect cannot be kept')
      },
      after: async () => {
        after = true
      },
    }))
    expect(await ledger.sql`select 1 from bundles where id = ${taskId}`).toEqual([])
    expect(await ledger.eventTypes(taskId)).toEqual([...begun, 'task.retried'])
    expect(await ledger.task(taskId)).toMatchObject({ status: 'Pending', runnable: true, dispatch: 1 })
    expect(after).toBe(false)
  })

  it('has no effect once its claim went to another worker', async () => {
    const taskId = await ledger.addTask()
    await deliver(taskId, async () => {
      await ledger.sql`update tasks set epoch = epoch + 1, claimed_by = 'another' where id = ${taskId}`
      return {
        kind: 'completed',
        results: { sum: 4 },
        commit: async (query) => {
          await query`insert into bundles (id, account_id, name) values (${taskId}, ${taskId}, 'effect')`
        },
      }
    })
    expect(await ledger.task(taskId)).toMatchObject({ status: 'InProgress', claimedBy: 'another', results: null })
    expect(await ledger.sql`select 1 from bundles where id = ${taskId}`).toEqual([])
    expect(await ledger.eventTypes(taskId)).toEqual(begun)
  })

  it('tries a failing task again after a while, and ends it when it has failed too often', async () => {
    const taskId = await ledger.addTask()
    const failing: Run = async () => {
      throw new Error('secret detail of the server')
    }
    await deliver(taskId, failing)
    const waiting = await ledger.task(taskId)
    expect(waiting).toMatchObject({ status: 'Pending', runnable: true, dispatch: 1, attempts: 1, errorMessage: null })
    const waitMs = new Date(String(waiting['readyAt'])).getTime() - Date.now()
    expect(waitMs).toBeGreaterThan(-1000)
    expect(waitMs).toBeLessThan(1000)
    await deliver(taskId, failing, { dispatch: 1 })
    expect(await ledger.task(taskId)).toMatchObject({ status: 'Failed', runnable: false, errorCode: 'INTERNAL' })
    expect(await ledger.eventTypes(taskId)).toEqual([...begun, 'task.retried', 'task.started', 'task.failed'])
    const events = await ledger.sql`select data from task_events where task_id = ${taskId}`
    expect(JSON.stringify(events)).not.toContain('secret detail')
  })

  it.each([
    ['a permanent error at once', new Permanent('NO_USE', 'It cannot be done.'), 'Failed', 'NO_USE'],
    ['an error written for people not yet', new AppError('STORAGE_FULL', 'No room.'), 'Pending', null],
  ])('ends a task on %s', async (_, error, status, errorCode) => {
    const taskId = await ledger.addTask()
    await deliver(taskId, () => Promise.reject(error))
    expect(await ledger.task(taskId)).toMatchObject({ status, errorCode })
  })

  it('parks a task until somebody asks for it', async () => {
    const taskId = await ledger.addTask()
    await deliver(taskId, async () => ({ kind: 'parked', commit: async () => {} }))
    expect(await ledger.task(taskId)).toMatchObject({ status: 'Pending', runnable: false, leaseExpiresAt: null })
    expect(await ledger.eventTypes(taskId)).toEqual(begun)
  })

  it('keeps its lease while it runs longer than one', async () => {
    const taskId = await ledger.addTask()
    await deliver(taskId, async (context) => {
      const [before] = await ledger.sql`select lease_expires_at as at from tasks where id = ${taskId}`
      await until(async () => {
        const rows = await ledger.sql`select 1 from tasks where id = ${taskId} and lease_expires_at > ${before?.['at']}`
        return rows.length === 1 ? true : undefined
      })
      return completed(context)
    })
    expect(await ledger.task(taskId)).toMatchObject({ status: 'Completed', epoch: 1 })
  })

  it('tells how far a run is, never backwards, and no more than a hundred at its end', async () => {
    const taskId = await ledger.addTask()
    const seen: unknown[] = []
    await deliver(taskId, async (context) => {
      for (const [percent, message] of [
        [40, 'half way'],
        [20, undefined],
        [250, undefined],
      ] as const) {
        context.progress(percent, message)
        await until(async () => {
          const { progress } = await ledger.task(taskId)
          return Number(progress) >= Math.min(percent, 99) ? true : undefined
        })
        seen.push((await ledger.task(taskId))['progress'])
      }
      return completed(context)
    })
    expect(seen).toEqual([40, 40, 99.9])
    expect(await ledger.task(taskId)).toMatchObject({ progress: 100, statusMessage: 'half way' })
  })

  it('puts an earlier result where a parameter refers to it, and sets free what waited', async () => {
    const registry = registerJobs([jobOf(completed)])
    const dispatcher = { admit: () => {} }
    const reference = (path: string) => ({ $result: { taskId: 'first', path } })
    const requests = createBatchRequest.parse({
      tasks: [
        { ref: 'first', type: 'Test' },
        { type: 'Test', parameters: { sum: reference('sum') } },
        { type: 'Test', parameters: { sum: reference('product') } },
      ],
    }).tasks
    const whose = { isAdmin: false, accountId: randomUUID(), permissions: [] }
    const submission = { ...whose, requests, keyed: undefined, path: () => '' }
    const tasks = await submitTasks(
      {
        sql: ledger.sql,
        signals: worker.signals,
        registry,
        dispatcher,
        sealer: testSealer,
        taskLimits: { openPerAccount: 100 },
        tracing: noTracing,
      },
      submission,
    )
    const [first = '', second = '', third = ''] = tasks.map((task) => task.id)
    await deliver(second, completed)
    expect(await ledger.task(second)).toMatchObject({ status: 'Pending', runnable: false, waitsFor: 1, attempts: 0 })
    await deliver(first, completed)
    expect(await ledger.task(second)).toMatchObject({ runnable: true, waitsFor: 0, dispatch: 1 })
    const echo: Run = async ({ parameters }) => ({ kind: 'completed', results: { given: parameters.sum } })
    await deliver(second, echo, { dispatch: 1 })
    expect(await ledger.task(second)).toMatchObject({ status: 'Completed', results: { given: 3 } })
    await deliver(third, echo, { dispatch: 1 })
    expect(await ledger.task(third)).toMatchObject({ status: 'Failed', errorCode: 'RESULT_MISSING' })
  })

  it('refuses results that are too large to be kept in the ledger', async () => {
    const taskId = await ledger.addTask()
    await deliver(taskId, async () => ({ kind: 'completed', results: { text: 'x'.repeat(300 * 1024) } }))
    expect(await ledger.task(taskId)).toMatchObject({ status: 'Failed', errorCode: 'RESULTS_TOO_LARGE', results: null })
  })

  it('gives up a task that takes its worker down time and again', async () => {
    const taskId = await ledger.addTask()
    await ledger.sql`update tasks set attempts = 2 where id = ${taskId}`
    await deliver(taskId, completed)
    expect(await ledger.task(taskId)).toMatchObject({ status: 'Failed', errorCode: 'WORKER_LOST' })
  })

  it('leaves a type that it does not know to others', async () => {
    const taskId = await ledger.addTask({ type: 'Unknown' })
    await deliver(taskId, completed)
    const task = await ledger.task(taskId)
    expect(task).toMatchObject({ status: 'Pending', runnable: true, dispatch: 1, attempts: 0 })
    expect(new Date(String(task['readyAt'])).getTime()).toBeGreaterThan(Date.now() + 30_000)
  })
})
