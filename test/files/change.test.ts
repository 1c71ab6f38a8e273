import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { addBundle, addPool, runTask, uploaded } from '../support/job-files.ts'
import { errorsOf, expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'
import { listIn } from '../support/tasks.ts'

describe('files in lists, changed, deleted and brought back', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ env: { TRASH_RETENTION_DAYS: '7' } })
  })
  afterAll(() => stage.close())

  const list = async (query = '') => {
    const answer = await client.call('GET', `/api/files${query}`)
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body))
    return { names: listIn(answer).map((file) => file['name']), total: answer.headers.get('x-total') }
  }
  const patch = (id: string, body: Record<string, unknown>) => client.call('PATCH', `/api/files/${id}`, { body })
  const remove = (id: string, query = '') => client.call('DELETE', `/api/files/${id}${query}`)

  it('lists by every filter, sorted and in pages', async () => {
    client = await stage.client()
    const [a, b, c] = [
      await uploaded(client, randomBytes(30), 'a.txt'),
      await uploaded(client, randomBytes(10), 'B.pdf'),
      await uploaded(client, randomBytes(20), 'c.txt'),
    ]
    await stage.sql`update files set content_type = 'text/plain', created_at = now() - interval '3 days' where id = ${a}`
    const bundleId = await addBundle(stage, client)
    await patch(b, { bundleId })
    await patch(c, { tags: ['red', 'blue'] })
    const poolId = await addPool(stage)
    await runTask(client, 'FileMove', { fileIds: [a], targetPoolId: poolId })
    await uploaded(await stage.client(), randomBytes(10), 'a stranger’s')

    const sorted = async (by: string, down: boolean) => (await list(`?sortBy=${by}&sortDescending=${down}`)).names
    expect(await sorted('createdAt', false)).toEqual(['a.txt', 'B.pdf', 'c.txt'])
    expect(await sorted('size', true)).toEqual(['a.txt', 'c.txt', 'B.pdf'])
    expect(await sorted('updatedAt', true)).toEqual(['a.txt', 'c.txt', 'B.pdf'])
    expect((await sorted('name', false)).length).toBe(3)
    expect(await list('?sortBy=size&offset=1&limit=1')).toEqual({ names: ['c.txt'], total: '3' })
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString()
    const yesterday = encodeURIComponent(new Date(Date.now() - 86_400_000).toISOString())
    for (const [query, names] of [
      ['name=*.TXT', ['c.txt', 'a.txt']],
      ['name=%25', []],
      ['contentType=text/*', ['a.txt']],
      [`bundleId=${bundleId}`, ['B.pdf']],
      ['bundleId=none', ['c.txt', 'a.txt']],
      ['tag=red', ['c.txt']],
      [`poolId=${poolId}`, ['a.txt']],
      ['minSize=11&maxSize=29', ['c.txt']],
      [`createdBefore=${yesterday}`, ['a.txt']],
      [`createdAfter=${yesterday}&createdBefore=${tomorrow}`, ['c.txt', 'B.pdf']],
      ['trashed=true', []],
    ] as const) {
      expect({ query, ...(await list(`?${query}`)) }).toEqual({ query, names, total: String(names.length) })
    }
    const refused = await client.call('GET', '/api/files?sortBy=x&minSize=-1&trashed=1&bundleId=b&nope=1')
    const fields = ['bundleId', 'minSize', 'trashed', 'sortBy', 'nope']
    expect(errorsOf(refused)).toEqual(fields.map((field) => ({ field, message: expect.any(String) })))
  })

  it('renames, tags, bundles and lets expire, and leaves what was not named', async () => {
    client = await stage.client()
    const id = await uploaded(client, randomBytes(10), 'before')
    const bundleId = await addBundle(stage, client)
    const expiredAt = new Date(Date.now() + 3_600_000).toISOString()
    const changed = await patch(id, { name: 'after', bundleId, tags: ['b', 'a', 'b'], expiredAt })
    expect(changed).toMatchObject({
      status: 200,
      body: { name: 'after', bundleId, tags: ['a', 'b'], expiredAt, size: 10 },
    })
    const cleared = await patch(id, { bundleId: null, expiredAt: null })
    expect(cleared.body).toMatchObject({ name: 'after', bundleId: null, tags: ['a', 'b'], expiredAt: null })
    expect((await patch(id, {})).body).toMatchObject({ name: 'after', tags: ['a', 'b'] })

    const stranger = await stage.client()
    expectRefusal(await patch(id, { bundleId: await addBundle(stage, stranger) }), 404, 'BUNDLE_NOT_FOUND')
    expectRefusal(await stranger.call('PATCH', `/api/files/${id}`, { body: { name: 'x' } }), 404, 'FILE_NOT_FOUND')
    expectRefusal(await patch('nonsense', { name: 'x' }), 404, 'FILE_NOT_FOUND')
    const tags = Array.from({ length: 51 }, (_, index) => `t${index}`)
    const refused = await patch(id, { name: '', tags, expiredAt: '2001-01-01T00:00:00Z', size: 3 })
    expect(errorsOf(refused)).toHaveLength(4)
  })

  it('goes to the trash and comes back, or goes for good', async () => {
    client = await stage.client()
    const id = await uploaded(client, randomBytes(10), 'wanted')
    const other = await uploaded(client, randomBytes(10), 'unwanted')
    expect((await remove(id)).status).toBe(204)
    expect((await remove(id)).status).toBe(204)
    expect(await list()).toEqual({ names: ['unwanted'], total: '1' })
    expect(await list('?trashed=true&sortBy=deletedAt')).toEqual({ names: ['wanted'], total: '1' })
    for (const path of ['', '/content']) {
      expectRefusal(await client.call('GET', `/api/files/${id}${path}`), 404, 'FILE_NOT_FOUND')
    }
    const stranger = await stage.client()
    expectRefusal(await stranger.call('POST', `/api/files/${id}/restore`), 404, 'FILE_NOT_FOUND')
    expectRefusal(await stranger.call('DELETE', `/api/files/${id}?permanent=true`), 404, 'FILE_NOT_FOUND')
    const restored = await client.call('POST', `/api/files/${id}/restore`)
    expect(restored).toMatchObject({ status: 200, body: { name: 'wanted', deletedAt: null } })
    expect((await client.call('POST', `/api/files/${id}/restore`)).status).toBe(200)

    expect((await remove(other, '?permanent=true')).status).toBe(204)
    expectRefusal(await client.call('POST', `/api/files/${other}/restore`), 404, 'FILE_NOT_FOUND')
    await remove(id)
    expect(await client.call('DELETE', '/api/files/trash')).toMatchObject({ status: 200, body: { removed: 1 } })
    expectRefusal(await remove(id), 404, 'FILE_NOT_FOUND')
    expectRefusal(await remove(randomUUID()), 404, 'FILE_NOT_FOUND')
  })

  it('of two files with the same bytes leaves those when one goes, and removes them with the other', async () => {
    client = await stage.client()
    const bytes = randomBytes(1000)
    const first = await uploaded(client, bytes, 'first')
    const second = await uploaded(client, bytes, 'second')
    const [object] = await stage.sql<{ id: string; key: string }[]>`
      select o.id, o.key from objects o join files f on f.object_id = o.id where f.id = ${first}`
    await remove(first, '?permanent=true')
    // Whatever a sweep might do: the object still counts as wanted.
    expect(
      await stage.sql`select 1 from objects where id = ${String(object?.id)} and orphaned_at is null`,
    ).toHaveLength(1)
    expect((await client.download(second)).equals(bytes)).toBe(true)
    await remove(second, '?permanent=true')
    await stage.sql`update objects set orphaned_at = now() - interval '2 hours' where id = ${String(object?.id)} and orphaned_at is not null`
    await stage.system.changeWorkers()
    await until(async () => ((await stage.poolFiles()).includes(String(object?.key)) ? undefined : true))
  })
})
