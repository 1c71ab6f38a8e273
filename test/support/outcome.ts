import { readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect } from 'vitest'
import type { Sql } from '../../src/db/connect.ts'
import type { TestClient } from './client.ts'
import { type TestSystem, until } from './system.ts'

/** Where an upload took place: its ledger and its processes. */
export type Scene = { sql: Sql; system: TestSystem }

/**
 * Checks what became of a finished upload, the only one of its client's account: one file of these bytes, one object in
 * the ledger and on the disk, one event of its end, and nothing of its staging.
 */
export async function expectOneFile(scene: Scene, client: TestClient, taskId: string, bytes: Buffer) {
  const key = await expectFile(scene, client, taskId, bytes)
  await until(() => isSinkClosed(scene.sql, taskId))
  expect((await poolFiles(scene.system)).filter((path) => path.includes(taskId))).toEqual([key])
}

/** The same without the staging, of which a worker may have died before it removed it. Answers the object's key. */
export async function expectFile({ sql }: Scene, client: TestClient, taskId: string, bytes: Buffer): Promise<unknown> {
  const [upload] = await sql`
    select t.status, u.phase, u.file_id,
      (select count(*)::int from files f where f.account_id = t.account_id) as files,
      (select count(*)::int from objects o where o.key like ${`%${taskId}%`}) as objects,
      (select count(*)::int from task_events e where e.task_id = t.id and e.type like 'upload.%') as ends,
      (select o.key from files f join objects o on o.id = f.object_id where f.id = u.file_id) as key
    from tasks t join uploads u on u.task_id = t.id where t.id = ${taskId}`
  expect(upload).toMatchObject({ status: 'Completed', phase: 'done', files: 1, objects: 1, ends: 1 })
  const downloaded = await client.download(upload?.['fileId'])
  expect(downloaded.equals(bytes), 'the bytes are those that were sent').toBe(true)
  return upload?.['key']
}

/** What lies in the default pool, folders left out, by its path in the pool. */
export async function poolFiles(system: TestSystem): Promise<string[]> {
  const [pool = ''] = await readdir(join(system.dataDir, 'pools'))
  const root = join(system.dataDir, 'pools', pool)
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

/** Waits until a worker has claimed one of the tasks, and answers which process and claim that is. */
export async function untilClaimed(sql: Sql, ...taskIds: string[]): Promise<{ pid: number; epoch: number }> {
  return until(async () => {
    const [task] = await sql<{ epoch: number; claimedBy: string }[]>`
      select epoch, claimed_by from tasks where id = any(${taskIds}::uuid[]) and lease_expires_at is not null
      limit 1`
    // A worker's id is its machine, its process and a random part.
    return task && { pid: Number(task.claimedBy.split('-').at(-2)), epoch: task.epoch }
  })
}

/** Waits until an upload is a file. */
export async function untilCompleted(sql: Sql, taskId: string, deadlineMs?: number): Promise<void> {
  await until(async () => {
    const [task] = await sql<{ status: string }[]>`select status from tasks where id = ${taskId}`
    if (task?.status === 'Failed') throw new Error('the upload failed')
    return task?.status === 'Completed' || undefined
  }, deadlineMs)
}

/** Bytes that differ from piece to piece and cost little to make. */
export function patternOf(sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes, 'Longshore keeps what it has acknowledged. ')
  for (let at = 0; at + 6 <= sizeBytes; at += 4096) bytes.writeUIntBE(at, at, 6)
  return bytes
}

async function isSinkClosed(sql: Sql, taskId: string): Promise<true | undefined> {
  const [upload] = await sql`select from uploads where task_id = ${taskId} and not sink_open`
  return upload ? true : undefined
}
