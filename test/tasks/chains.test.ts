import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, TestClient } from '../support/client.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { createTask, listIn, showTask, untilStatus, untilTask, verb, withTestTypes } from '../support/tasks.ts'

describe('tasks that wait for others', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ env: withTestTypes })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const result = (taskId: string, path: string) => ({ $result: { taskId, path } })
  const sendBatch = (tasks: unknown[]) => client.call('POST', '/api/tasks/batch', { body: { tasks } })
  const createBatch = async (tasks: unknown[]): Promise<string[]> => {
    const answer = await sendBatch(tasks)
    expect(answer.status).toBe(201)
    return listIn({ ...answer, body: JSON.parse(JSON.stringify(answer.body['tasks'])) }).map((task) =>
      String(task['taskId']),
    )
  }
  const errorsOf = (answer: Answer): unknown => {
    expectRefusal(answer, 400, 'VALIDATION_FAILED')
    return Object.fromEntries(Object.entries(answer.body['details'] ?? {}))['errors']
  }

  it('begin when all of those are completed, and not before', async () => {
    const quick = await createTask(client, 'Echo')
    await untilStatus(client, quick, 'Completed')
    const slow = await createTask(client, 'Count', { to: 40 })
    const taskId = await createTask(client, 'Echo', {}, { after: [slow, quick] })
    expect(await showTask(client, taskId)).toMatchObject({ status: 'Pending', waitsFor: 1, startedAt: null })
    const done = await untilStatus(client, taskId, 'Completed')
    const before = await showTask(client, slow)
    expect(before['status']).toBe('Completed')
    expect(Date.parse(String(done['startedAt']))).toBeGreaterThanOrEqual(Date.parse(String(before['completedAt'])))
    expect(done['waitsFor']).toBe(0)
    const late = await createTask(client, 'Echo', {}, { after: [slow] })
    await untilStatus(client, late, 'Completed')
  })

  it('get the results of earlier ones, over the refs of one batch', async () => {
    const ids = await createBatch([
      { type: 'Echo', parameters: { value: result('sum', 'value.0'), number: result('count', 'reached') } },
      { ref: 'sum', type: 'Echo', parameters: { value: [{ from: result('count', 'beganAt') }, null] } },
      { ref: 'count', type: 'Count', parameters: { to: 3 } },
    ])
    const last = await untilStatus(client, String(ids[0]), 'Completed')
    expect(last['results']).toEqual({ value: { from: [0] }, number: 3 })
    // What is shown is what was asked for, by the names that the tasks have now.
    expect(last['parameters']).toEqual({
      value: result(String(ids[1]), 'value.0'),
      number: result(String(ids[2]), 'reached'),
    })
  })

  it('fan out and in again: a hundred between one and one', async () => {
    const refs = Array.from({ length: 98 }, (_, index) => `part-${index}`)
    const ids = await createBatch([
      { ref: 'first', type: 'Echo', parameters: { value: 7 }, priority: 90 },
      ...refs.map((ref) => ({ ref, type: 'Echo', parameters: { value: result('first', 'value') }, priority: 90 })),
      { type: 'Echo', after: refs, parameters: { value: refs.map((ref) => result(ref, 'value')) }, priority: 90 },
    ])
    const last = await untilStatus(client, String(ids.at(-1)), 'Completed')
    expect(last['results']).toEqual({ value: refs.map(() => 7) })
  })

  it('fail when the result they refer to does not exist, or is not what the type takes', async () => {
    const [, missing, wrong] = await createBatch([
      { ref: 'first', type: 'Echo', parameters: { value: 11 } },
      { type: 'Echo', parameters: { value: result('first', 'nowhere.to.be.found') } },
      { type: 'Echo', parameters: { number: result('first', 'value') } },
    ])
    expect(await untilStatus(client, String(missing), 'Failed')).toMatchObject({
      errorCode: 'RESULT_MISSING',
      errorMessage: expect.stringContaining('nowhere.to.be.found'),
      attempts: 1,
    })
    expect(await untilStatus(client, String(wrong), 'Failed')).toMatchObject({
      errorCode: 'PARAMETERS_INVALID',
      errorMessage: expect.stringContaining('must be 10 at most'),
    })
  })

  it('are refused in a circle, and with what does not exist', async () => {
    const circle = await sendBatch([
      { ref: 'a', type: 'Echo', after: ['c'] },
      { ref: 'b', type: 'Echo', parameters: { value: result('a', 'value') } },
      { ref: 'c', type: 'Echo', after: ['b'] },
      { ref: 'd', type: 'Echo' },
    ])
    const message = expect.stringContaining('must not wait for itself')
    expect(errorsOf(circle)).toEqual([0, 1, 2].map((index) => ({ field: `tasks.${index}.after`, message })))
    expect(errorsOf(await sendBatch([{ ref: 'a', type: 'Echo', after: ['a'] }]))).toHaveLength(1)
    const twice = await sendBatch([1, 2].map(() => ({ ref: 'a', type: 'Echo' })))
    expect(errorsOf(twice)).toMatchObject([{ field: 'tasks.1.ref' }])
    const stranger = await stage.client()
    for (const unknown of ['no-such-ref', randomUUID(), await createTask(stranger, 'Echo')]) {
      const alone = await client.call('POST', '/api/tasks', { body: { type: 'Echo', after: [unknown] } })
      expect(errorsOf(alone)).toEqual([{ field: 'after', message: `names no task: ${unknown}` }])
    }
  })

  it('are cancelled with a reason when one of those fails, and can be retried after it', async () => {
    const [first, second, third, other] = await createBatch([
      { ref: 'first', type: 'Flaky', parameters: { failures: 0, permanent: true } },
      { ref: 'second', type: 'Echo', after: ['first'] },
      { ref: 'third', type: 'Echo', after: ['second'] },
      { type: 'Echo' },
    ]).then((ids) => ids.map(String))
    if (!first || !second || !third || !other) throw new Error('the batch was not created')
    await untilStatus(client, first, 'Failed')
    expect(await showTask(client, second)).toMatchObject({
      status: 'Cancelled',
      errorMessage: `It waits for task ${first}, which is Failed.`,
    })
    expect(await showTask(client, third)).toMatchObject({
      status: 'Cancelled',
      errorMessage: `It waits for task ${second}, which is Cancelled.`,
    })
    await untilStatus(client, other, 'Completed')
    const refused = await client.call('POST', '/api/tasks', { body: { type: 'Echo', after: [first] } })
    expectRefusal(refused, 409, 'DEPENDENCY_ENDED')
    expect(refused.body['details']).toEqual({ taskId: first, status: 'Failed' })

    await stage.sql`update tasks set parameters = '{"failures":0}' where id = ${first}`
    await verb(client, first, 'retry')
    await untilStatus(client, first, 'Completed')
    expect((await client.call('POST', '/api/tasks/retry', { body: { status: 'Cancelled' } })).body).toEqual({
      retried: 2,
      refused: [],
    })
    for (const taskId of [second, third]) await untilStatus(client, taskId, 'Completed')
    const [done, before] = [await showTask(client, third), await showTask(client, second)]
    expect(Date.parse(String(done['startedAt']))).toBeGreaterThanOrEqual(Date.parse(String(before['completedAt'])))
  })

  it('are cancelled when one of those is cancelled, also while they are paused', async () => {
    const first = await createTask(client, 'Count', { to: 2000 })
    const waiting = await createTask(client, 'Echo', {}, { after: [first] })
    const paused = await createTask(client, 'Echo', {}, { after: [first] })
    await verb(client, paused, 'pause')
    await verb(client, first, 'cancel')
    for (const taskId of [waiting, paused]) {
      expect(await showTask(client, taskId)).toMatchObject({ status: 'Cancelled', startedAt: null })
    }
  })

  it('do not run when they are resumed while they still wait, but when it is over', async () => {
    const first = await createTask(client, 'Count', { to: 2000 })
    const taskId = await createTask(client, 'Echo', {}, { after: [first] })
    await verb(client, taskId, 'pause')
    expect(await verb(client, taskId, 'resume')).toMatchObject({ body: { status: 'Pending', waitsFor: 1 } })
    const stillPaused = await createTask(client, 'Echo', {}, { after: [first] })
    await verb(client, stillPaused, 'pause')
    await stage.sql`update tasks set checkpoint = '{"reached":1999,"beganAt":[]}' where id = ${first}`
    await verb(client, first, 'pause')
    await untilTask(client, first, (task) => task['status'] === 'Paused')
    expect(await showTask(client, taskId)).toMatchObject({ status: 'Pending', startedAt: null })
    await stage.sql`update tasks set parameters = '{"to":1}' where id = ${first}`
    await verb(client, first, 'resume')
    await untilStatus(client, taskId, 'Completed')
    expect(await showTask(client, stillPaused)).toMatchObject({ status: 'Paused', waitsFor: 0 })
    await verb(client, stillPaused, 'resume')
    await untilStatus(client, stillPaused, 'Completed')
  })

  it('do not wait for ever for one that is removed', async () => {
    // In one request, for nobody may wait for what has failed already.
    const [first = '', taskId = ''] = await createBatch([
      { ref: 'first', type: 'Flaky', parameters: { failures: 0, permanent: true } },
      { type: 'Echo', after: ['first'] },
    ])
    await untilStatus(client, taskId, 'Cancelled')
    await verb(client, taskId, 'retry')
    expect(await showTask(client, taskId)).toMatchObject({ status: 'Pending', waitsFor: 1 })
    expect((await client.call('DELETE', `/api/tasks/${first}`)).status).toBe(204)
    expect(await showTask(client, taskId)).toMatchObject({
      status: 'Cancelled',
      errorMessage: `It waits for task ${first}, which is Failed.`,
    })
  })
})
