import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { addBundle, addPool, runTask, showFile, uploaded } from '../support/job-files.ts'
import { openStage, type Stage } from '../support/stage.ts'

describe('BulkOperation', { timeout: 120_000 }, () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  })
  afterAll(() => stage.close())

  async function sample(client: TestClient, names: readonly string[]): Promise<string[]> {
    return Promise.all(names.map((name) => uploaded(client, randomBytes(500), name)))
  }

  function bulk(client: TestClient, operationType: string, rest: Record<string, unknown>) {
    return runTask(client, 'BulkOperation', { operationType, ...rest })
  }

  const confirm = { operationParameters: { confirm: true } }

  it('only says what it would do until it is confirmed', async () => {
    const client = await stage.client()
    const targetIds = await sample(client, ['a', 'b'])
    const task = await bulk(client, 'delete', { targetIds })
    expect(task).toMatchObject({ status: 'Completed', results: { dryRun: true, filesProcessed: 2 } })
    for (const id of targetIds) expect((await client.call('GET', `/api/files/${id}`)).status).toBe(200)
  })

  it('deletes into the trash and restores from it, file by file', async () => {
    const client = await stage.client()
    const [first = '', second = ''] = await sample(client, ['a', 'b'])
    const missing = randomUUID()
    const deleted = await bulk(client, 'delete', { targetIds: [first, missing, second], ...confirm })
    expect(deleted.results).toMatchObject({ filesProcessed: 2, filesSkipped: 1, dryRun: false, itemsOmitted: 0 })
    expect(deleted.results?.['items']).toContainEqual({
      id: missing,
      outcome: 'skipped',
      code: 'FILE_NOT_FOUND',
      message: expect.any(String),
    })
    expect((await client.call('GET', `/api/files/${first}`)).status).toBe(404)
    expect((await client.call('GET', `/api/files/${first}/content`)).status).toBe(404)
    const restored = await bulk(client, 'restore', { targetIds: [first], ...confirm })
    expect(restored.results).toMatchObject({ filesProcessed: 1 })
    expect((await client.call('GET', `/api/files/${first}`)).status).toBe(200)
    expect((await client.call('GET', `/api/files/${second}`)).status).toBe(404)
  })

  it('does not take deleted bytes for an instant upload', async () => {
    const client = await stage.client()
    const bytes = randomBytes(600)
    const id = await uploaded(client, bytes)
    await bulk(client, 'delete', { targetIds: [id], ...confirm })
    expect((await client.create(bytes)).body).toMatchObject({ fileExists: false })
  })

  it('means by a filter the account’s own files with such names, types and bundles', async () => {
    const client = await stage.client()
    const other = await stage.client()
    const [theirs] = await sample(other, ['report 1.pdf'])
    const [one, two, literal] = await sample(client, ['Report 1.pdf', 'report 22.pdf', 'report %.txt'])
    const filter = { name: 'report ?.pdf' }
    const task = await bulk(client, 'tag', { filter, operationParameters: { confirm: true, add: ['seen', 'old'] } })
    expect(task.results).toMatchObject({ filesProcessed: 1, items: [{ id: one, outcome: 'done' }] })
    expect(await tags(stage, [one, two, literal, theirs])).toEqual([['old', 'seen'], [], [], []])
    await bulk(client, 'tag', {
      filter: { name: 'report %*' },
      operationParameters: { confirm: true, add: ['new'], remove: ['old'] },
    })
    expect(await tags(stage, [one, two, literal])).toEqual([['old', 'seen'], [], ['new']])
    const none = await bulk(client, 'delete', { filter: { olderThanDays: 1 }, ...confirm })
    expect(none.results).toMatchObject({ filesProcessed: 0 })
  })

  it('moves files to another pool and bundle, and says which could not be', async () => {
    const client = await stage.client()
    const [good = '', bad = ''] = await sample(client, ['a', 'b'])
    await stage.sql`
      update objects set sha256 = ${randomBytes(32)} where id = (select object_id from files where id = ${bad})`
    const [targetPoolId, targetBundleId] = [await addPool(stage), await addBundle(stage, client)]
    const operationParameters = { confirm: true, targetPoolId, targetBundleId }
    const task = await bulk(client, 'move', { targetIds: [good, bad], operationParameters })
    expect(task).toMatchObject({ status: 'Completed', results: { filesProcessed: 1, filesFailed: 1 } })
    expect(task.results?.['items']).toContainEqual(expect.objectContaining({ id: bad, code: 'SOURCE_DAMAGED' }))
    expect(await showFile(client, good)).toMatchObject({ poolId: targetPoolId, bundleId: targetBundleId })
    expect(await showFile(client, bad)).toMatchObject({ bundleId: null })
  })

  it('sets an expiry, after which the file is gone', async () => {
    const client = await stage.client()
    const targetIds = await sample(client, ['a'])
    const at = (ms: number) => new Date(Date.now() + ms).toISOString()
    const later = { confirm: true, expiredAt: at(3_600_000) }
    await bulk(client, 'expire', { targetIds, operationParameters: later })
    expect(await showFile(client, targetIds[0])).toMatchObject({ expiredAt: later.expiredAt })
    await bulk(client, 'expire', { targetIds, operationParameters: { confirm: true, expiredAt: at(-1000) } })
    expect((await client.call('GET', `/api/files/${targetIds[0]}`)).status).toBe(404)
  })

  it.each([
    [{ operationType: 'shred', targetIds: [randomUUID()] }, 'parameters.operationType'],
    [{ operationType: 'delete' }, 'parameters'],
    [{ operationType: 'delete', targetIds: [randomUUID()], filter: {} }, 'parameters'],
    [{ operationType: 'move', targetIds: [randomUUID()], operationParameters: {} }, 'parameters.operationParameters'],
    [{ operationType: 'delete', filter: { size: 1 } }, 'parameters.filter.size'],
    [{ operationType: 'tag', filter: {}, operationParameters: { add: [''] } }, 'parameters.operationParameters.add.0'],
  ])('is refused at once with %j', async (parameters, field) => {
    const client = await stage.client()
    const { status, body } = await client.call('POST', '/api/tasks', { body: { type: 'BulkOperation', parameters } })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain(`"${field}"`)
  })
})

async function tags({ sql }: Stage, ids: readonly (string | undefined)[]): Promise<unknown[]> {
  return Promise.all(
    ids.map(async (id) => {
      const [row] = await sql`select tags from files where id = ${String(id)}`
      return row?.['tags']
    }),
  )
}
