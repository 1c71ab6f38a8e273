import { randomUUID } from 'node:crypto'
import type { TestClient } from './client.ts'
import type { Stage } from './stage.ts'
import { createTask, untilTask } from './tasks.ts'

/** Uploads a file, unless the account has its bytes, and answers its id. */
export async function uploaded(client: TestClient, bytes: Buffer, fileName = 'sample.bin'): Promise<string> {
  const { body } = await client.create(bytes, { fileName })
  if (body['fileExists'] !== true) return String((await client.send(bytes, body))['id'])
  return String((body['file'] as Record<string, unknown>)['id'])
}

/** A second local pool of a stage. */
export async function addPool({ sql }: Pick<Stage, 'sql'>): Promise<string> {
  const id = randomUUID()
  const settings = JSON.stringify({ path: `pools/${id}` })
  await sql`insert into pools (id, name, kind, settings) values (${id}, 'second', 'local', ${settings}::text::jsonb)`
  return id
}

export async function addBundle({ sql }: Pick<Stage, 'sql'>, client: TestClient): Promise<string> {
  const id = randomUUID()
  await sql`insert into bundles (id, account_id, name) values (${id}, ${client.account}, 'a bundle')`
  return id
}

export type EndedTask = Record<string, unknown> & {
  taskId: string
  status: string
  results: Record<string, unknown> | null
  errorMessage: string | null
}

/** Creates a task and waits for its end, whatever it is. */
export async function runTask(
  client: TestClient,
  type: string,
  parameters: Record<string, unknown>,
  deadlineMs = 60_000,
): Promise<EndedTask> {
  const taskId = await createTask(client, type, parameters)
  return untilEnded(client, taskId, deadlineMs)
}

const ended = new Set(['Completed', 'Failed', 'Cancelled', 'Expired'])

export async function untilEnded(client: TestClient, taskId: string, deadlineMs = 60_000): Promise<EndedTask> {
  const task = await untilTask(client, taskId, (one) => ended.has(String(one['status'])), deadlineMs)
  return { ...task, taskId } as EndedTask
}

/** The files that an ended task made, in the order of its parameters; throws when its results name none. */
export function resultFileIds({ taskId, status, results }: EndedTask): string[] {
  const ids = results?.['resultFileIds']
  if (!Array.isArray(ids)) throw new Error(`task ${taskId} is ${status} and made ${JSON.stringify(results)}`)
  return ids.map(String)
}

export async function showFile(client: TestClient, fileId: unknown): Promise<Record<string, unknown>> {
  return (await client.call('GET', `/api/files/${String(fileId)}`)).body
}
