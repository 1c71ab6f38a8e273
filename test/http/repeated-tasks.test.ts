import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { errorsOf, expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { listIn, untilStatus, withTestTypes } from '../support/tasks.ts'

describe('creating tasks again with the same Idempotency-Key', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ env: withTestTypes })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    client.call('POST', `/api/tasks${path}`, { body, headers })

  it('answers a repeated Idempotency-Key with the same task, and refuses it for another body', async () => {
    const key = { 'idempotency-key': randomUUID() }
    const body = { type: 'Echo', name: 'once' }
    const first = await post('', body, key)
    const again = await post('', body, key)
    expect([first.status, again.status]).toEqual([201, 201])
    expect(again.body['taskId']).toBe(first.body['taskId'])
    expectRefusal(await post('', { ...body, name: 'twice' }, key), 422, 'IDEMPOTENCY_KEY_REUSED')
    expectRefusal(await post('/batch', { tasks: [body] }, key), 422, 'IDEMPOTENCY_KEY_REUSED')
    expect(errorsOf(await post('', body, { 'idempotency-key': 'a b' }))).toMatchObject([{ field: 'Idempotency-Key' }])
    const stranger = await stage.client()
    const theirs = await stranger.call('POST', '/api/tasks', { body, headers: key })
    expect(theirs.body['taskId']).not.toBe(first.body['taskId'])
  })

  it('answers 410 to a repetition when the task was deleted, and makes it not again', async () => {
    const other = await stage.client()
    const headers = { 'idempotency-key': randomUUID() }
    const create = () => other.call('POST', '/api/tasks', { body: { type: 'Echo' }, headers })
    const taskId = String((await create()).body['taskId'])
    await untilStatus(other, taskId, 'Completed')
    await other.call('DELETE', `/api/tasks/${taskId}`)
    const gone = await create()
    expectRefusal(gone, 410, 'CREATED_GONE')
    expect(gone.body['details']).toEqual({ taskIds: [taskId], goneTaskIds: [taskId] })
    expect((await other.call('GET', '/api/tasks')).headers.get('x-total')).toBe('0')
    const batchKey = { 'idempotency-key': randomUUID() }
    const tasks = [{ type: 'Echo' }, { type: 'Echo' }]
    const batch = () => other.call('POST', '/api/tasks/batch', { body: { tasks }, headers: batchKey })
    const made = listIn({ ...(await batch()), body: JSON.parse(JSON.stringify((await batch()).body['tasks'])) })
    const [first, second] = made.map((task) => String(task['taskId']))
    await untilStatus(other, String(second), 'Completed')
    await other.call('DELETE', `/api/tasks/${second}`)
    const partly = await batch()
    expectRefusal(partly, 410, 'CREATED_GONE')
    expect(partly.body['details']).toEqual({ taskIds: [first, second], goneTaskIds: [second] })
  })

  it('makes one task of twenty requests at once with the same key', async () => {
    const other = await stage.client()
    const headers = { 'idempotency-key': randomUUID() }
    const body = { type: 'Echo', name: 'once' }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => other.call('POST', '/api/tasks', { body, headers })),
    )
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]))
    expect(new Set(answers.map((answer) => answer.body['taskId'])).size).toBe(1)
    expect((await other.call('GET', '/api/tasks')).headers.get('x-total')).toBe('1')
  })
})
