import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'

describe('a method that a path does not take', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ workers: 0 })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const id = randomUUID()

  it.each([
    ['DELETE', '/api/tasks', 'POST, GET, HEAD, OPTIONS'],
    ['PUT', '/drive/tasks', 'POST, GET, HEAD, OPTIONS'],
    ['GET', `/api/tasks/${id}/pause`, 'POST, OPTIONS'],
    ['POST', `/api/tasks/${id}`, 'GET, HEAD, OPTIONS, PATCH, DELETE'],
    ['PUT', '/api/tasks/batch', 'POST, OPTIONS'],
    ['PUT', '/api/tasks/retry', 'POST, OPTIONS'],
    ['POST', '/api/tasks/types', 'GET, HEAD, OPTIONS'],
    ['PUT', `/api/schedules/${id}`, 'GET, HEAD, OPTIONS, PATCH, DELETE'],
    ['GET', '/api/files/upload/create', 'POST, OPTIONS'],
    ['PATCH', `/api/files/upload/chunk/${id}/0`, 'POST, PUT, OPTIONS'],
    ['POST', `/api/files/${id}/content`, 'GET, HEAD, OPTIONS'],
    ['POST', '/api/admin/bands', 'GET, HEAD, OPTIONS'],
    ['POST', '/health/live', 'GET, HEAD, OPTIONS'],
  ])('is 405 and the path says which it takes: %s %s', async (method, path, allow) => {
    const sorted = (text: string | null) => text?.split(', ').sort()
    const refused = await client.call(method, path)
    expectRefusal(refused, 405, 'METHOD_NOT_ALLOWED')
    expect(sorted(refused.headers.get('allow'))).toEqual(sorted(allow))
    const options = await client.call('OPTIONS', path)
    expect([options.status, sorted(options.headers.get('allow'))]).toEqual([204, sorted(allow)])
  })

  it('is not said of what is not there, nor by a path that takes it', async () => {
    for (const path of ['/api/nothing', '/api', '/api/tasks/a/b/c', '/nothing']) {
      expectRefusal(await client.call('DELETE', path), 404, 'ROUTE_NOT_FOUND')
    }
    expectRefusal(await client.call('GET', `/api/tasks/${id}`), 404, 'TASK_NOT_FOUND')
    const head = await fetch(`${client.url}/health/live`, { method: 'HEAD' })
    expect(head.status).toBe(200)
  })
})
