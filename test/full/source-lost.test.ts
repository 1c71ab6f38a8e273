import { randomBytes, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import type { TestClient } from '../support/client.ts'
import { addPool, runTask, showFile, untilEnded, uploaded } from '../support/job-files.ts'
import { openPacedStage, type PacedStage } from '../support/paced-stage.ts'
import { movingJobs, type SmallJob, smallJobs } from '../support/small-jobs.ts'
import { storedFile } from '../support/stored-file.ts'
import { secret } from '../support/system.ts'
import { createTask, listIn, untilStatus } from '../support/tasks.ts'

/** Those that compare the sum of what they read with the recorded one. */
const checking = ['FileEncrypt', 'FileDecrypt', 'FileConversion', 'FileMove']
const reading = [...checking, 'FileCompress', 'FileDecompress']

describe('while a job runs', { timeout: 60_000 }, () => {
  let stage: PacedStage
  let jobs: SmallJob[]
  let moving: SmallJob[]
  let targetPoolId: string
  beforeAll(async () => {
    stage = await openPacedStage({ workerArgs: ['--concurrency', '24'] })
    targetPoolId = await addPool(stage)
    jobs = await smallJobs()
    moving = movingJobs(randomBytes(2_000_000), randomBytes(2_000_000))
  })
  afterAll(() => stage.close())

  const filesOf = async (client: TestClient) =>
    listIn(await client.call('GET', '/api/files')).map((file) => String(file['id']))

  async function objectOf(fileId: string): Promise<{ id: string; key: string }> {
    const [row] = await stage.sql<{ id: string; key: string }[]>`
      select id, key from objects where id = (select object_id from files where id = ${fileId})`
    return row ?? { id: '', key: '' }
  }

  /** Runs a job of each type, and does something to its source while it is being read. Answers by type what came of it. */
  async function disturbed(
    types: readonly string[],
    disturb: (client: TestClient, fileId: string, job: SmallJob) => Promise<void>,
  ): Promise<Record<string, unknown>> {
    await stage.setPace(0)
    const wanted = [...jobs, ...moving].filter(({ type }) => types.includes(type))
    const outcomes = wanted.map(async (job) => {
      const client = await stage.client()
      const fileId = await storedFile(stage, client, job.bytes)
      await stage.hold((await objectOf(fileId)).key)
      const taskId = await createTask(client, job.type, job.parameters(fileId, targetPoolId))
      await untilStatus(client, taskId, 'InProgress')
      return { client, fileId, taskId, job }
    })
    const running = await Promise.all(outcomes)
    for (const { client, fileId, job } of running) await disturb(client, fileId, job)
    const before = await Promise.all(running.map(({ client }) => filesOf(client)))
    await stage.setPace(0)
    const ended = await Promise.all(
      running.map(async ({ client, taskId, job }, index) => {
        const { status, errorCode } = await untilEnded(client, taskId)
        expect(await filesOf(client)).toEqual(before[index])
        return [job.type, { status, errorCode }] as const
      }),
    )
    return Object.fromEntries(ended)
  }

  const failed = (errorCode: string) => ({ status: 'Failed', errorCode })
  const allFailed = (types: readonly string[], errorCode: string) =>
    Object.fromEntries(types.map((type) => [type, failed(errorCode)]))

  it('its source is deleted: it fails, also with the bytes still there, and makes nothing', async () => {
    const outcomes = await disturbed(reading, async (client, fileId) => {
      expect((await client.call('DELETE', `/api/files/${fileId}`)).status).toBeLessThan(300)
    })
    expect(outcomes).toEqual(allFailed(reading, 'SOURCE_MISSING'))
  })

  it('its source comes to be other bytes: it fails, makes nothing, and removes nothing', async () => {
    const outcomes = await disturbed(reading, async (client, fileId, { otherBytes }) => {
      const other = await objectOf(await storedFile(stage, client, otherBytes, 'other'))
      await stage.sql`update files set object_id = ${other.id} where id = ${fileId}`
    })
    expect(outcomes).toEqual(allFailed(reading, 'SOURCE_CHANGED'))
  })

  it('the stored bytes are replaced by others that would do as well: what checks the sum notices', async () => {
    const outcomes = await disturbed(checking, async (_client, fileId, { otherBytes }) => {
      await writeFile(join(stage.poolPath, (await objectOf(fileId)).key), otherBytes)
    })
    expect(outcomes).toEqual(allFailed(checking, 'SOURCE_DAMAGED'))
  })

  it('the quota is used up: it fails, and makes, moves and removes nothing', async () => {
    await stage.setPace(0)
    await stage.sql`update pools set cost_multiplier = 3 where id = ${targetPoolId}`
    const token = await signToken(secret, { account: randomUUID(), admin: true, expiresInSeconds: 600 })
    const all = [...jobs, ...moving]
    const outcomes = all.map(async ({ type, bytes, parameters }) => {
      const client = await stage.client()
      const fileId = await uploaded(client, bytes)
      const { poolId } = await showFile(client, fileId)
      const limit = { body: { limitBytes: bytes.length + 1000 }, headers: { authorization: `Bearer ${token}` } }
      expect((await client.call('PUT', `/api/admin/accounts/${client.account}/quota`, limit)).status).toBe(200)
      const { status, errorCode } = await runTask(client, type, parameters(fileId, targetPoolId))
      expect(await filesOf(client)).toEqual([fileId])
      expect(await showFile(client, fileId)).toMatchObject({ poolId })
      return [type, { status, errorCode }] as const
    })
    const expected = Object.fromEntries(all.map(({ type }) => [type, failed('QUOTA_EXCEEDED')]))
    expect(Object.fromEntries(await Promise.all(outcomes))).toEqual(expected)
  })
})
