import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { text } from '../support/archive-entries.ts'
import type { TestClient } from '../support/client.ts'
import { runTask, untilEnded } from '../support/job-files.ts'
import { storedFile } from '../support/stored-file.ts'
import { untilClaimed } from '../support/outcome.ts'
import { openSlowStage, type SlowStage } from '../support/slow-stage.ts'
import { until } from '../support/system.ts'
import { createTask, untilStatus, verb } from '../support/tasks.ts'

const formats = ['zip', 'tar.gz', 'tar.zst']

describe('FileCompress, stopped half-way', { timeout: 120_000 }, () => {
  let stage: SlowStage
  let client: TestClient
  let fileIds: string[]
  beforeAll(async () => {
    stage = await openSlowStage()
  })
  afterAll(() => stage.close())
  beforeEach(async () => {
    await stage.setSlow(false)
    client = await stage.client()
    fileIds = [
      await storedFile(stage, client, text(100_000), 'first'),
      // Far more than a zstd archive is written in at once.
      await storedFile(stage, client, Buffer.concat([text(3_000_000), randomBytes(18_000_000)]), 'second'),
      await storedFile(stage, client, text(1_000_000), 'third'),
    ]
  })

  async function pathOf(fileId: string | undefined): Promise<string> {
    const [object] = await stage.sql`
      select key from objects where id = (select object_id from files where id = ${String(fileId)})`
    return join(stage.poolPath, String(object?.['key']))
  }

  async function undisturbed(compressionFormat: string): Promise<Buffer> {
    const task = await runTask(client, 'FileCompress', { fileIds, compressionFormat })
    return client.download(task.results?.['resultFileId'])
  }

  async function begun(compressionFormat: string): Promise<string> {
    await stage.setSlow(true)
    return createTask(client, 'FileCompress', { fileIds, compressionFormat })
  }

  /** Until the task has noted that it is past the first file, and past what a block may refer to. */
  async function untilNoted(taskId: string): Promise<void> {
    await until(async () => {
      const [output] = await stage.sql<{ state: { at?: { entry: number }; doneBytes?: number } }[]>`
        select checkpoint -> 'note' -> 'state' as state from task_outputs
        where task_id = ${taskId} and checkpoint is not null`
      const { at, doneBytes = 0 } = output?.state ?? {}
      return (at?.entry ?? 0) > 0 || doneBytes > 200_000 || undefined
    }, 40_000)
  }

  async function untilReleased(taskId: string): Promise<void> {
    await until(async () => {
      const [task] = await stage.sql`select 1 from tasks where id = ${taskId} and lease_expires_at is null`
      return task && true
    })
  }

  /** What was packed before the stop is not read again: it is not there any more. */
  async function expectSameWithoutFirst(taskId: string, whole: Buffer): Promise<void> {
    const task = await untilEnded(client, taskId, 60_000)
    expect(task).toMatchObject({ status: 'Completed', errorMessage: null, results: { filesProcessed: 3 } })
    expect((await client.download(task.results?.['resultFileId'])).equals(whole)).toBe(true)
  }

  it.each(formats)('by SIGKILL, comes out as %s as if nothing had happened', async (format) => {
    const whole = await undisturbed(format)
    const taskId = await begun(format)
    const { pid } = await untilClaimed(stage.sql, taskId)
    await untilNoted(taskId)
    stage.system.workers.find((worker) => worker.pid === pid)?.kill('SIGKILL')
    await rm(await pathOf(fileIds[0]))
    await stage.setSlow(false)
    await stage.system.startWorker()
    await expectSameWithoutFirst(taskId, whole)
  })

  it('by a pause, comes out as if nothing had happened', async () => {
    const whole = await undisturbed('zip')
    const taskId = await begun('zip')
    await untilNoted(taskId)
    await verb(client, taskId, 'pause')
    await untilReleased(taskId)
    await rm(await pathOf(fileIds[0]))
    await stage.setSlow(false)
    await verb(client, taskId, 'resume')
    await expectSameWithoutFirst(taskId, whole)
  })

  it('and with a file renamed meanwhile, is begun anew under the new name', async () => {
    const taskId = await begun('zip')
    await untilNoted(taskId)
    await verb(client, taskId, 'pause')
    await untilReleased(taskId)
    await stage.sql`update files set name = 'renamed' where id = ${String(fileIds[1])}`
    await stage.setSlow(false)
    await verb(client, taskId, 'resume')
    const task = await untilEnded(client, taskId, 60_000)
    const archive = await client.download(task.results?.['resultFileId'])
    expect(archive.includes('renamed')).toBe(true)
    expect(archive.equals(await undisturbed('zip'))).toBe(true)
  })

  it('by a cancel, leaves nothing', async () => {
    const taskId = await begun('zip')
    await untilNoted(taskId)
    await verb(client, taskId, 'cancel')
    await untilStatus(client, taskId, 'Cancelled')
    await untilReleased(taskId)
    expect(await stage.sql`select 1 from files where account_id = ${client.account}`).toHaveLength(3)
    const left = await stage.sql<{ id: string }[]>`select id from task_outputs where task_id = ${taskId}`
    const paths = await stage.poolFiles()
    expect(paths.filter((path) => left.some(({ id }) => path.includes(id)))).toEqual([])
  })

  it('by the loss of a file, says which one', async () => {
    const taskId = await begun('zip')
    await untilNoted(taskId)
    await rm(await pathOf(fileIds[2]))
    await stage.sql`delete from files where id = ${String(fileIds[2])}`
    await stage.setSlow(false)
    const task = await untilEnded(client, taskId)
    expect(task).toMatchObject({ status: 'Failed', errorCode: 'SOURCE_MISSING' })
    expect(task.errorMessage).toContain(fileIds[2])
  })
})
