import { randomBytes, randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { text } from '../support/archive-entries.ts'
import type { TestClient } from '../support/client.ts'
import {
  addBundle,
  addPool,
  type EndedTask,
  resultFileIds,
  runTask,
  showFile,
  untilEnded,
} from '../support/job-files.ts'
import { untilClaimed } from '../support/outcome.ts'
import { openSlowStage, type SlowStage } from '../support/slow-stage.ts'
import { storedFile } from '../support/stored-file.ts'
import { until } from '../support/system.ts'
import { createTask, untilStatus, verb } from '../support/tasks.ts'

describe('FileDecompress', { timeout: 120_000 }, () => {
  let stage: SlowStage
  let client: TestClient
  const contents: [string, Buffer][] = [
    ['first.txt', text(2_500_000)],
    ['folder/second.bin', randomBytes(2_000_000)],
    ['folder/third.txt', text(3_500_000)],
    ['empty', Buffer.alloc(0)],
  ]
  beforeAll(async () => {
    stage = await openSlowStage({
      env: { ARCHIVE_MAX_ENTRIES: '100', ARCHIVE_MAX_SIZE: '100000000', ARCHIVE_MAX_RATIO: '50' },
    })
  })
  afterAll(() => stage.close())
  beforeEach(async () => {
    await stage.setSlow(false)
    client = await stage.client()
  })

  async function archive(compressionFormat: string): Promise<string> {
    const fileIds: string[] = []
    for (const [name, bytes] of contents) fileIds.push(await storedFile(stage, client, bytes, name))
    const task = await runTask(client, 'FileCompress', { fileIds, compressionFormat })
    expect(task).toMatchObject({ status: 'Completed', errorMessage: null })
    return String(task.results?.['resultFileId'])
  }

  async function expectContents(task: EndedTask): Promise<void> {
    expect(task).toMatchObject({
      status: 'Completed',
      errorMessage: null,
      results: { filesProcessed: 4, resultFilesCount: 4 },
    })
    for (const [index, id] of resultFileIds(task).entries()) {
      const [name, bytes] = contents[index] ?? ['', Buffer.alloc(0)]
      expect(await showFile(client, id)).toMatchObject({ name, size: bytes.length })
      expect((await client.download(id)).equals(bytes)).toBe(true)
    }
  }

  it.each(['zip', 'tar', 'tar.gz', 'tar.zst'])('makes of a %s what went into it', async (format) => {
    await expectContents(await runTask(client, 'FileDecompress', { fileId: await archive(format) }))
  })

  it('puts the files where it is told to, and goes by what they are called', async () => {
    const targetPoolId = await addPool(stage)
    const targetBundleId = await addBundle(stage, client)
    const fileId = await storedFile(stage, client, gzipSync(text(1000)), 'docs/notes.txt.gz')
    const task = await runTask(client, 'FileDecompress', {
      fileId,
      targetPoolId,
      targetBundleId,
      password: 'of no use',
    })
    expect(task['parameters']).not.toHaveProperty('password')
    const [id] = resultFileIds(task)
    expect(await showFile(client, id)).toMatchObject({
      name: 'notes.txt',
      contentType: 'text/plain',
      poolId: targetPoolId,
      bundleId: targetBundleId,
    })
  })

  it('makes nothing of what it refuses, and keeps to the limits that are set', async () => {
    const whole = await client.download(await archive('zip'))
    const damaged = Buffer.from(whole)
    damaged[3_000_000] = (damaged[3_000_000] ?? 0) ^ 1
    const refused: [string, Buffer, string][] = [
      ['damaged.zip', damaged, 'ARCHIVE_DAMAGED'],
      ['cut.zip', whole.subarray(0, -100), 'ARCHIVE_TRUNCATED'],
      ['none.zip', randomBytes(1000), 'ARCHIVE_UNKNOWN'],
      ['bomb.gz', gzipSync(Buffer.alloc(70_000_000)), 'ARCHIVE_RATIO'],
      [
        'large.gz',
        Buffer.concat([gzipSync(randomBytes(2_500_000)), gzipSync(Buffer.alloc(100_000_000))]),
        'ARCHIVE_TOO_LARGE',
      ],
    ]
    const files = () => stage.sql`select 1 from files where account_id = ${client.account}`
    const before = (await files()).length
    for (const [name, bytes, code] of refused) {
      const fileId = await storedFile(stage, client, bytes, name)
      const task = await runTask(client, 'FileDecompress', { fileId })
      expect({ name, status: task.status, errorCode: task['errorCode'] }).toEqual({
        name,
        status: 'Failed',
        errorCode: code,
      })
    }
    expect(await files()).toHaveLength(before + refused.length)
    const missing = await runTask(client, 'FileDecompress', { fileId: randomUUID() })
    expect(missing).toMatchObject({ status: 'Failed', errorCode: 'SOURCE_MISSING' })
  })

  /** Begins to unpack slowly, and waits until an entry was noted as finished. Answers the keys of those. */
  async function halfUnpacked(format: string): Promise<{ taskId: string; keys: string[] }> {
    const fileId = await archive(format)
    await stage.setSlow(true)
    const taskId = await createTask(client, 'FileDecompress', { fileId })
    const keys = await until(async () => {
      const rows = await stage.sql<{ key: string }[]>`
        select key from task_outputs where task_id = ${taskId} and key is not null`
      return rows.length > 0 ? rows.map(({ key }) => key) : undefined
    }, 60_000)
    return { taskId, keys }
  }

  async function expectKept(taskId: string, keys: readonly string[]): Promise<void> {
    const task = await untilEnded(client, taskId, 60_000)
    await expectContents(task)
    const kept = await stage.sql`
      select 1 from objects o join files f on f.object_id = o.id
      where f.id = any(${resultFileIds(task)}::uuid[]) and o.key = any(${[...keys]})`
    expect(kept).toHaveLength(keys.length)
  }

  it.each(['zip', 'tar.gz'])('killed half-way through a %s, keeps the files that were finished', async (format) => {
    const { taskId, keys } = await halfUnpacked(format)
    const { pid } = await untilClaimed(stage.sql, taskId)
    stage.system.workers.find((worker) => worker.pid === pid)?.kill('SIGKILL')
    await stage.setSlow(false)
    await stage.system.startWorker()
    await expectKept(taskId, keys)
  })

  it('paused half-way, keeps the files that were finished', async () => {
    const { taskId, keys } = await halfUnpacked('zip')
    await verb(client, taskId, 'pause')
    await until(
      async () => (await stage.sql`select 1 from tasks where id = ${taskId} and lease_expires_at is null`)[0] && true,
    )
    await stage.setSlow(false)
    await verb(client, taskId, 'resume')
    await expectKept(taskId, keys)
  })

  it('cancelled half-way, leaves no file', async () => {
    const { taskId } = await halfUnpacked('zip')
    await verb(client, taskId, 'cancel')
    await untilStatus(client, taskId, 'Cancelled')
    expect(await stage.sql`select 1 from files where account_id = ${client.account}`).toHaveLength(contents.length + 1)
  })

  it('says when its archive is deleted while it runs', async () => {
    const { taskId } = await halfUnpacked('zip')
    const [object] = await stage.sql`
      select o.key, f.id from files f join objects o on o.id = f.object_id
      where f.account_id = ${client.account} and f.name = 'archive.zip'`
    await rm(join(stage.poolPath, String(object?.['key'])))
    await stage.sql`delete from files where id = ${String(object?.['id'])}`
    await verb(client, taskId, 'pause')
    await until(
      async () => (await stage.sql`select 1 from tasks where id = ${taskId} and lease_expires_at is null`)[0] && true,
    )
    await verb(client, taskId, 'resume')
    await stage.setSlow(false)
    expect(await untilEnded(client, taskId)).toMatchObject({ status: 'Failed', errorCode: 'SOURCE_MISSING' })
  })
})
