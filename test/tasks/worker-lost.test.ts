import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import type { TestProcess } from '../support/process.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { createTask, untilStatus, withTestTypes } from '../support/tasks.ts'

describe('a task whose worker goes', { timeout: 120_000 }, () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ workers: 2, env: withTestTypes })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  type Held = { epoch: number; reached: number; holder: TestProcess }

  /** The claim in force of at least this number, once its run has come so far. */
  const untilHeld = (taskId: string, epoch: number, reached: number): Promise<Held> =>
    until(async () => {
      const [row] = await stage.sql<{ epoch: number; claimedBy: string; reached: number }[]>`
        select epoch, claimed_by, (checkpoint ->> 'reached')::int as reached from tasks
        where id = ${taskId} and lease_expires_at is not null`
      const holder = stage.system.workers.find((worker) => row?.claimedBy.includes(`-${worker.pid}-`))
      return row && holder && row.epoch >= epoch && row.reached >= reached ? { ...row, holder } : undefined
    })

  it('by SIGTERM goes on elsewhere from its checkpoint, with no attempt lost', async () => {
    const taskId = await createTask(client, 'Count', { to: 300 })
    const { holder } = await untilHeld(taskId, 1, 5)
    holder.kill('SIGTERM')
    const second = await untilHeld(taskId, 2, 5)
    expect(second.holder).not.toBe(holder)
    expect(await holder.exited).toEqual({ code: 0, signal: null })
    const { results, attempts } = await untilStatus(client, taskId, 'Completed')
    expect(results).toEqual({ reached: 300, beganAt: [0, expect.any(Number)] })
    expect(JSON.stringify(results)).not.toContain('[0,0]')
    expect(attempts).toBe(1)
    await stage.system.startWorker()
  })

  it('by SIGKILL runs again elsewhere within 5 s, from its checkpoint', async () => {
    const taskId = await createTask(client, 'Count', { to: 60 })
    const { holder } = await untilHeld(taskId, 1, 5)
    holder.kill('SIGKILL')
    const killedAt = Date.now()
    await holder.exited
    const second = await untilHeld(taskId, 2, 5)
    expect(Date.now() - killedAt).toBeLessThan(5000)
    expect(second.holder).not.toBe(holder)
    const { results } = await untilStatus(client, taskId, 'Completed')
    expect(results).toMatchObject({ reached: 60, beganAt: [0, expect.any(Number)] })
    expect(JSON.stringify(results)).not.toContain('[0,0]')
    expect(await stage.eventTypes(taskId)).toEqual(['task.created', 'task.started', 'task.started', 'task.completed'])
  })
})
