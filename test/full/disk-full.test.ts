import { randomBytes, randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { resultFileIds, runTask, showFile, untilEnded } from '../support/job-files.ts'
import { openSmallDisk } from '../support/small-disk.ts'
import { movingJobs, type SmallJob, smallJobs } from '../support/small-jobs.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { storedFile } from '../support/stored-file.ts'
import { until } from '../support/system.ts'
import { createTask, listIn } from '../support/tasks.ts'

const disk = await openSmallDisk(16)
/** More than a pool needs to see that it can be written, and less than any of the results. */
const roomBytes = 128 * 1024

describe.skipIf(disk === undefined)('when the disk of a pool is full', { timeout: 120_000 }, () => {
  let stage: Stage
  const poolId = randomUUID()
  beforeAll(async () => {
    stage = await openStage({ workerArgs: ['--concurrency', '27'] })
    const settings = JSON.stringify({ path: disk?.path })
    await stage.sql`insert into pools (id, name, kind, settings) values (${poolId}, 'small', 'local', ${settings}::text::jsonb)`
  })
  afterAll(async () => {
    await stage.close()
    await disk?.dispose()
  })

  /** A client with the source of a job, on the disk where the result is to lie beside it. */
  async function prepared(job: SmallJob) {
    const client = await stage.client()
    const place = job.isBeside ? { ...stage, poolPath: String(disk?.path) } : stage
    const fileId = await storedFile(place, client, job.bytes)
    if (job.isBeside) {
      await stage.sql`
        update objects set pool_id = ${poolId} where id = (select object_id from files where id = ${fileId})`
    }
    return { ...job, client, fileId, poolBefore: (await showFile(client, fileId))['poolId'] }
  }

  it('every job fails, leaves nothing and moves nothing; an encrypted upload waits until there is room', async () => {
    const jobs = await smallJobs()
    const all = await Promise.all([...jobs, ...movingJobs(randomBytes(2_000_000), randomBytes(0))].map(prepared))
    const uploader = await stage.client()
    const bytes = randomBytes(1_500_000)
    const { body } = await uploader.create(bytes, { poolId, encryptPassword: 'a password', chunkSize: bytes.length })
    const uploadId = String(body['taskId'])
    expect(await uploader.putChunk(uploadId, 0, bytes)).toMatchObject({ status: 200 })
    await disk?.fill(roomBytes)

    const outcomes = all.map(async ({ type, client, fileId, poolBefore, parameters }) => {
      const taskId = await createTask(client, type, parameters(fileId, poolId))
      const { status, errorCode } = await untilEnded(client, taskId, 90_000)
      expect(listIn(await client.call('GET', '/api/files')).map((file) => file['id'])).toEqual([fileId])
      expect(await showFile(client, fileId)).toMatchObject({ poolId: poolBefore })
      return { type, status, errorCode }
    })
    const expected = all.map(({ type }) => ({ type, status: 'Failed', errorCode: 'STORAGE_FULL' }))
    expect(await Promise.all(outcomes)).toEqual(expected)
    await uploader.complete(uploadId, { prefer: 'respond-async' })
    await until(async () => (await stage.eventTypes(uploadId)).includes('task.retried') || undefined)
    expect(listIn(await uploader.call('GET', '/api/files'))).toEqual([])

    await disk?.makeRoom()
    const finished = await untilEnded(uploader, uploadId, 60_000)
    expect(finished).toMatchObject({ status: 'Completed', errorMessage: null })
    const fileId = finished.results?.['fileId']
    const opened = await runTask(uploader, 'FileDecrypt', { fileIds: [fileId], password: 'a password' })
    expect((await uploader.download(resultFileIds(opened)[0])).equals(bytes)).toBe(true)
    expect(await readdir(join(String(disk?.path), '.outputs'))).toEqual([])
  })
})
