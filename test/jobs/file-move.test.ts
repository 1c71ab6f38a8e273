import { randomBytes, randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addBundle, addPool, runTask, showFile, uploaded } from '../support/job-files.ts'
import { openStage, type Stage } from '../support/stage.ts'

describe('FileMove', () => {
  let stage: Stage
  let targetPoolId: string
  beforeAll(async () => {
    stage = await openStage()
    targetPoolId = await addPool(stage)
  })
  afterAll(() => stage.close())

  it('copies the bytes to the other pool, and has the old ones removed later', async () => {
    const client = await stage.client()
    const bytes = randomBytes(3_000_000)
    const fileId = await uploaded(client, bytes)
    const task = await runTask(client, 'FileMove', { fileIds: [fileId], targetPoolId })
    expect(task).toMatchObject({ status: 'Completed', results: { filesProcessed: 1 } })
    expect(await showFile(client, fileId)).toMatchObject({ poolId: targetPoolId, size: bytes.length })
    expect((await client.download(fileId)).equals(bytes)).toBe(true)
    expect(await orphans(stage, client.account)).toMatchObject([{ isWaiting: true }])
  })

  it('copies an object once when several files share it, and leaves a file that was not named where it is', async () => {
    const client = await stage.client()
    const bytes = randomBytes(70_000)
    const first = await uploaded(client, bytes, 'a')
    const [second, third] = await Promise.all([uploaded(client, bytes, 'b'), uploaded(client, bytes, 'c')])
    await runTask(client, 'FileMove', { fileIds: [first, second], targetPoolId })
    const [a, b, c] = await Promise.all([first, second, third].map((id) => showFile(client, id)))
    expect([a?.['poolId'], b?.['poolId']]).toEqual([targetPoolId, targetPoolId])
    expect(c?.['poolId']).not.toBe(targetPoolId)
    for (const id of [first, second, third]) expect((await client.download(id)).equals(bytes)).toBe(true)
  })

  it('touches no bytes when only the bundle changes', async () => {
    const client = await stage.client()
    const fileId = await uploaded(client, randomBytes(1000))
    const before = await stage.sql`select object_id from files where id = ${fileId}`
    const targetBundleId = await addBundle(stage, client)
    await runTask(client, 'FileMove', { fileIds: [fileId], targetBundleId })
    expect(await showFile(client, fileId)).toMatchObject({ bundleId: targetBundleId })
    expect(await stage.sql`select object_id from files where id = ${fileId}`).toEqual(before)
    await runTask(client, 'FileMove', { fileIds: [fileId], targetBundleId: null })
    expect(await showFile(client, fileId)).toMatchObject({ bundleId: null })
  })

  it('moves nothing when one of the files cannot be moved', async () => {
    const client = await stage.client()
    const fileId = await uploaded(client, randomBytes(1000))
    const missing = await runTask(client, 'FileMove', { fileIds: [fileId, randomUUID()], targetPoolId })
    expect(missing).toMatchObject({ status: 'Failed', errorMessage: expect.stringContaining('There is no file') })
    const other = await stage.client()
    const foreign = await runTask(other, 'FileMove', { fileIds: [fileId], targetPoolId })
    expect(foreign).toMatchObject({ status: 'Failed' })
    const nowhere = await runTask(client, 'FileMove', { fileIds: [fileId], targetPoolId: randomUUID() })
    expect(nowhere).toMatchObject({ status: 'Failed', errorMessage: 'There is no such pool.' })
    expect((await showFile(client, fileId))['poolId']).not.toBe(targetPoolId)
  })

  it('does not let a file point to bytes that are not its own', async () => {
    const client = await stage.client()
    const fileId = await uploaded(client, randomBytes(1000))
    await stage.sql`
      update objects set sha256 = ${randomBytes(32)} where id = (select object_id from files where id = ${fileId})`
    const task = await runTask(client, 'FileMove', { fileIds: [fileId], targetPoolId })
    expect(task).toMatchObject({ status: 'Failed', errorMessage: expect.stringContaining('SHA-256') })
    expect((await showFile(client, fileId))['poolId']).not.toBe(targetPoolId)
  })

  it('says that the bytes are gone when they are', async () => {
    const client = await stage.client()
    const fileId = await uploaded(client, randomBytes(1000))
    const [object] = await stage.sql`
      select key from objects where id = (select object_id from files where id = ${fileId})`
    await rm(join(stage.poolPath, String(object?.['key'])))
    const task = await runTask(client, 'FileMove', { fileIds: [fileId], targetPoolId })
    expect(task).toMatchObject({ status: 'Failed', errorMessage: expect.stringContaining(fileId) })
  })

  it.each([
    [{ fileIds: [], targetPoolId: randomUUID() }, 'parameters.fileIds'],
    [{ fileIds: [randomUUID()] }, 'parameters'],
    [{ fileIds: ['x'], targetPoolId: 'y' }, 'parameters.fileIds.0'],
    [{ fileIds: [randomUUID()], targetPool: randomUUID() }, 'parameters.targetPool'],
  ])('is refused at once with %j', async (parameters, field) => {
    const client = await stage.client()
    const { status, body } = await client.call('POST', '/api/tasks', { body: { type: 'FileMove', parameters } })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain(`"${field}"`)
  })
})

async function orphans({ sql }: Stage, accountId: string): Promise<unknown[]> {
  const rows = await sql`
    select o.orphaned_at is not null as is_waiting from objects o
    where not exists (select 1 from files where object_id = o.id)
      and o.key like any (select '%' || id || '%' from tasks where account_id = ${accountId})`
  return [...rows]
}
