import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectRefusal } from '../support/refusal.ts'
import { neglect, nightly, schedulesOf } from '../support/schedules.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { listIn, showTask, untilStatus, verb, withTestTypes } from '../support/tasks.ts'

describe('the tasks of schedules', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ env: withTestTypes })
  })
  afterAll(() => stage.close())

  it('are run now, also disabled ones, once for each key, and their tasks are found by them', async () => {
    const client = await stage.client()
    const { create, run, show } = schedulesOf(client)
    const id = await create({ ...nightly, enabled: false })
    const key = { 'idempotency-key': randomUUID() }
    const answers = await Promise.all(Array.from({ length: 5 }, () => run(id, key)))
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]))
    const taskId = String(answers[0]?.body['taskId'])
    expect(answers[0]?.headers.get('location')).toBe(`/api/tasks/${taskId}`)
    expect(answers.map((answer) => answer.body['taskId'])).toEqual(answers.map(() => taskId))
    const done = await untilStatus(client, taskId, 'Completed')
    expect(done).toMatchObject({ scheduleId: id, scheduledFor: null, results: { number: 3 } })
    expect(await show(id)).toMatchObject({ lastTaskId: taskId, lastRunAt: expect.any(String), nextRunAt: null })
    const other = String((await run(id)).body['taskId'])
    const found = await client.call('GET', `/api/tasks?scheduleId=${id}&sortBy=createdAt`)
    expect(listIn(found).map((one) => one['taskId'])).toEqual([other, taskId])
    await untilStatus(client, other, 'Completed')
    await client.call('DELETE', `/api/tasks/${taskId}`)
    expectRefusal(await run(id, key), 410, 'CREATED_GONE')
  })

  it('are not run now while a task of theirs has not ended, where they must not overlap', async () => {
    const client = await stage.client()
    const { create, run } = schedulesOf(client)
    const id = await create({ ...nightly, overlap: 'skip', task: { type: 'Count', parameters: { to: 10_000 } } })
    const key = { 'idempotency-key': randomUUID() }
    const taskId = String((await run(id, key)).body['taskId'])
    const refused = await run(id)
    expectRefusal(refused, 409, 'SCHEDULE_BUSY')
    expect(refused.body['details']).toEqual({ scheduleId: id, taskId })
    expect((await run(id, key)).body['taskId']).toBe(taskId)
    await verb(client, taskId, 'cancel')
    const next = await run(id)
    expect(next.status).toBe(201)
    await verb(client, String(next.body['taskId']), 'cancel')
  })

  it('say what is wrong when their task fits its type no more', async () => {
    const client = await stage.client()
    const { create, patch, run, show } = schedulesOf(client)
    const id = await create(nightly)
    await stage.sql`update schedules set template = '{"parameters":{"number":11}}' where id = ${id}`
    const refused = await run(id)
    expectRefusal(refused, 409, 'SCHEDULE_TEMPLATE_INVALID')
    expect(refused.body['details']).toMatchObject({ errors: [{ field: 'task.parameters.number' }] })
    await patch(id, { missed: 'runOnce' })
    await neglect(stage.sql, id, 48 * 3_600_000)
    await expect
      .poll(async () => (await show(id))['lastError'], { timeout: 15_000 })
      .toMatchObject({ code: 'SCHEDULE_TEMPLATE_INVALID', message: expect.stringContaining('must be 10 at most') })
    expect((await patch(id, { task: nightly.task })).body).toMatchObject({ lastError: null })
  })

  it('leave their tasks when they are deleted', async () => {
    const client = await stage.client()
    const { create, remove, run } = schedulesOf(client)
    const id = await create(nightly)
    const taskId = String((await run(id)).body['taskId'])
    await remove(id)
    expect(await untilStatus(client, taskId, 'Completed')).toMatchObject({ scheduleId: id })
    expect(await showTask(client, taskId)).toMatchObject({ scheduleId: id })
  })
})
