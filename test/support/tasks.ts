import { join } from 'node:path'
import { packageRoot } from '../../src/package-root.ts'
import type { Answer, TestClient } from './client.ts'
import { until } from './system.ts'

/** Setting under which processes know the task types of test/fixtures/tasks. */
export const withTestTypes = { TASK_MODULES: join(packageRoot(), 'test/fixtures/tasks/behaviours.mjs') }

/** Calls one verb of a task. */
export function verb(client: TestClient, taskId: string, name: string): Promise<Answer> {
  return client.call('POST', `/api/tasks/${taskId}/${name}`)
}

/** Creates a task and answers its id. */
export async function createTask(
  client: TestClient,
  type: string,
  parameters: Record<string, unknown> = {},
  fields: Record<string, unknown> = {},
): Promise<string> {
  const { status, body } = await client.call('POST', '/api/tasks', { body: { type, parameters, ...fields } })
  if (status !== 201) throw new Error(`answered ${status}: ${JSON.stringify(body)}`)
  return String(body['taskId'])
}

export async function showTask(client: TestClient, taskId: string): Promise<Record<string, unknown>> {
  return (await client.call('GET', `/api/tasks/${taskId}`)).body
}

/** Waits until a task has this status, and answers it as it is then. */
export function untilStatus(
  client: TestClient,
  taskId: string,
  status: string,
  deadlineMs?: number,
): Promise<Record<string, unknown>> {
  return untilTask(client, taskId, (task) => task['status'] === status, deadlineMs)
}

export async function untilTask(
  client: TestClient,
  taskId: string,
  accepts: (task: Record<string, unknown>) => boolean,
  deadlineMs?: number,
): Promise<Record<string, unknown>> {
  let last: unknown
  try {
    return await until(async () => {
      const task = await showTask(client, taskId)
      last = task
      return accepts(task) ? task : undefined
    }, deadlineMs)
  } catch (cause) {
    throw new Error(`the task stayed ${JSON.stringify(last)}`, { cause })
  }
}

/** The JSON array of an answer. */
export function listIn({ body }: Answer): Record<string, unknown>[] {
  if (!Array.isArray(body)) throw new Error(`not a list: ${JSON.stringify(body)}`)
  return body.map((item: unknown) => ({ ...(typeof item === 'object' ? item : {}) }))
}
