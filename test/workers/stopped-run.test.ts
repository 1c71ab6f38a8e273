import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { pauseTask, stopTask } from '../../src/db/tasks.ts'
import { StopReason } from '../../src/tasks/define-job.ts'
import type { Ledger } from '../support/ledger.ts'
import { completed, openWorker, type Run, type TestWorker } from '../support/worker.ts'

describe('a run that must stop', () => {
  let worker: TestWorker
  let ledger: Ledger

  beforeAll(async () => {
    worker = await openWorker()
    ledger = worker.ledger
  })
  afterAll(() => worker.close())

  const deliver: TestWorker['deliver'] = (...delivery) => worker.deliver(...delivery)

  /** A run that goes on until it is told to stop. */
  const untilStopped: Run = ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped in the middle'))))

  it('stops a run whose task was ended from outside, at once', async () => {
    const taskId = await ledger.addTask()
    const running = deliver(taskId, untilStopped)
    await worker.untilRunning(taskId)
    await stopTask(ledger.sql, { taskId, status: 'Cancelled', errorMessage: null })
    const stoppedAt = performance.now()
    worker.signals.send({ kind: 'task', taskId })
    await running
    expect(performance.now() - stoppedAt).toBeLessThan(800)
    expect(await ledger.task(taskId)).toMatchObject({ status: 'Cancelled', errorCode: null })
  })

  it('stops it a little later when nobody says so', async () => {
    const taskId = await ledger.addTask()
    const running = deliver(taskId, untilStopped)
    await worker.untilRunning(taskId)
    await ledger.sql`update tasks set epoch = epoch + 1 where id = ${taskId}`
    await running
    expect(await ledger.task(taskId)).toMatchObject({ status: 'InProgress', epoch: 2 })
  })

  it('lets go of a task that was paused just as the run failed, so that it can be resumed at once', async () => {
    const taskId = await ledger.addTask()
    await deliver(taskId, async () => {
      await pauseTask(ledger.sql, taskId)
      throw new Error('fails for a reason of its own')
    })
    const paused = { status: 'Paused', leaseExpiresAt: null, claimedBy: null, runnable: false }
    expect(await ledger.task(taskId)).toMatchObject(paused)
    expect(await ledger.eventTypes(taskId)).toEqual(['task.created', 'task.started'])
  })

  it('gives all tasks back at once when the worker shuts down, those too that it was just about to begin', async () => {
    const stopping = await openWorker()
    const isWarned = vi.fn()
    process.on('warning', isWarned)
    onTestFinished(async () => {
      process.off('warning', isWarned)
      await stopping.close()
    })
    const taskIds = await Promise.all(Array.from({ length: 12 }, () => stopping.ledger.addTask()))
    const runs = taskIds.map((taskId) => stopping.deliver(taskId, untilStopped))
    await Promise.all(taskIds.map((taskId) => stopping.untilRunning(taskId)))
    stopping.shutDown()
    const late = await stopping.ledger.addTask()
    await Promise.all([...runs, stopping.deliver(late, untilStopped)])
    for (const taskId of [...taskIds, late]) {
      expect(await stopping.ledger.task(taskId)).toMatchObject({
        status: 'Pending',
        runnable: true,
        dispatch: 1,
        attempts: 0,
        admittedAt: null,
      })
    }
    expect(isWarned).not.toHaveBeenCalled()
  })

  it('lets a paused run save where it is and goes on from there', async () => {
    const taskId = await ledger.addTask()
    const paused = deliver(taskId, ({ signal, saveCheckpoint }) => {
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => void saveCheckpoint({ at: 7 }).then(() => reject(new Error('stopped'))))
      })
    })
    await worker.untilRunning(taskId)
    await pauseTask(ledger.sql, taskId)
    worker.signals.send({ kind: 'task', taskId })
    await paused
    expect(await ledger.task(taskId)).toMatchObject({ status: 'Paused', leaseExpiresAt: null, runnable: false })
    await ledger.sql`update tasks set status = 'Pending', runnable = true where id = ${taskId}`
    await deliver(taskId, async ({ checkpoint, attempt }) => ({
      kind: 'completed',
      results: { from: checkpoint?.at, attempt },
    }))
    expect(await ledger.task(taskId)).toMatchObject({ status: 'Completed', results: { from: 7, attempt: 1 } })
  })

  it('tells a run that its task was given to another one, be it in the same worker', async () => {
    const taskId = await ledger.addTask()
    let why: unknown
    const first = deliver(taskId, ({ signal }) => {
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          why = signal.reason instanceof StopReason ? signal.reason.why : undefined
          reject(new Error('stopped'))
        })
      })
    })
    await worker.untilRunning(taskId)
    await ledger.outlive({ taskId })
    await deliver(taskId, async (context) => {
      await first
      return completed(context)
    })
    expect(why).toBe('lost')
    expect(await ledger.task(taskId)).toMatchObject({ status: 'Completed', epoch: 2 })
  })
})
