import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { chunksOf, type TestClient } from '../support/client.ts'
import { poolAdmin } from '../support/pool-admin.ts'
import { expectRefusal } from '../support/refusal.ts'
import { s3PoolAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place, type S3Place } from '../support/s3-store.ts'
import { openStage, type Stage } from '../support/stage.ts'

type Part = { index: number; size: number; url: string; headers: Record<string, string>; expiresAt: string }

const chunkSizeBytes = 5 * 1024 * 1024
const bytes = randomBytes(2 * chunkSizeBytes + 1_000_000)
const chunks = chunksOf(bytes, chunkSizeBytes)
const poolId = randomUUID()

const md5 = (piece: Buffer): string => createHash('md5').update(piece).digest('base64')
const chunk = (index: number): Buffer => chunks[index] ?? Buffer.alloc(0)
const partsOf = (body: Record<string, unknown>): Part[] => body['parts'] as Part[]

describeWithS3('chunks that go straight to the store', () => {
  let place: S3Place
  let stage: Stage
  let client: TestClient
  beforeAll(async () => {
    place = await openS3Place()
    const { settings, env } = s3PoolAt(place, { direct: { downloads: true } })
    const pools = [{ id: poolId, name: 'S3', kind: 's3', settings }]
    stage = await openStage({ env: { STORAGE_POOLS: JSON.stringify(pools), ...env } })
  })
  // An account that has the bytes already would send nothing.
  beforeEach(async () => {
    client = await stage.client()
  })
  afterAll(() => stage.close())

  const path = (taskId: string, rest = '') => `/api/files/upload/direct/${taskId}${rest}`
  const begin = async () => {
    const { body } = await client.create(bytes, { poolId, direct: true })
    return { taskId: String(body['taskId']), parts: partsOf(body['direct'] as Record<string, unknown>) }
  }
  const put = async ({ url, headers }: Part, piece: Buffer) => {
    const response = await fetch(url, { method: 'PUT', body: piece, headers })
    await response.text()
    return { status: response.status, etag: response.headers.get('etag') ?? '' }
  }
  const send = async (part: Part, piece = chunk(part.index)) => {
    const { status, etag } = await put(part, piece)
    expect(status).toBe(200)
    // Some stores answer it without quotes, and some clients drop them.
    const said = part.index % 2 === 0 ? etag : etag.replaceAll('"', '')
    return { index: part.index, etag: said, md5: md5(piece) }
  }
  const report = (taskId: string, parts: unknown[]) => client.call('POST', path(taskId, '/parts'), { body: { parts } })
  const urls = (taskId: string, body?: unknown) => client.call('POST', path(taskId, '/urls'), { body })
  const sign = (taskId: string, index: number, piece = chunk(index)) =>
    client.call('POST', path(taskId, '/urls'), { body: { parts: [{ index, md5: md5(piece) }] } })

  it('become a file, which is fetched from the store too', async () => {
    const { taskId, parts } = await begin()
    expect(parts.map(({ index, size }) => [index, size])).toEqual(chunks.map((piece, index) => [index, piece.length]))
    const sent = await Promise.all(parts.map((part) => send(part)))
    expect(await report(taskId, sent.slice(0, 2))).toMatchObject({ status: 200, body: { taskId, received: [0, 1] } })
    const progress = await client.call('GET', `/api/files/upload/progress/${taskId}`)
    expect(progress.body).toMatchObject({ chunksUploaded: 2, progress: 66.6 })
    await report(taskId, sent.slice(2))
    const { status, body: file } = await client.complete(taskId)
    expect(status).toBe(200)
    const content = `${client.url}/api/files/${file['id']}/content`
    const authorization = `Bearer ${client.token}`
    const redirect = await fetch(content, { headers: { authorization }, redirect: 'manual' })
    expect(redirect.status).toBe(302)
    expect(redirect.headers.get('cache-control')).toBe('no-store')
    expect(new URL(redirect.headers.get('location') ?? '').origin).toBe(place.endpoint)
    const followed = await fetch(content, { headers: { authorization, range: 'bytes=5242870-5242889' } })
    expect(followed.status).toBe(206)
    expect(followed.headers.get('content-disposition')).toBe('attachment; filename="sample.bin"')
    expect(Buffer.from(await followed.arrayBuffer()).equals(bytes.subarray(5_242_870, 5_242_890))).toBe(true)
    expect((await client.download(file['id'])).equals(bytes)).toBe(true)
    const validated = { authorization, 'if-none-match': '"other"' }
    const streamed = await fetch(content, { headers: validated, redirect: 'manual' })
    expect(streamed.status).toBe(200)
    await streamed.body?.cancel()
    const shown = await fetch(`${content}?disposition=inline`, { headers: { authorization }, redirect: 'manual' })
    expect(shown.status).toBe(200)
    await shown.body?.cancel()
    for (const process of [...stage.system.apis, ...stage.system.workers]) {
      expect(process.output()).not.toMatch(/X-Amz-Signature/i)
    }
  })

  it('are nobody’s to publish: what a sender adds to a signed request is refused, or changes nothing', async () => {
    const { taskId, parts } = await begin()
    const sent = []
    for (const part of parts) {
      const added = { ...part, headers: { ...part.headers, 'content-type': 'text/html', 'x-amz-acl': 'public-read' } }
      const { status, etag } = await put(added, chunk(part.index))
      // Some stores take only what was signed.
      expect([200, 403]).toContain(status)
      sent.push(status === 200 ? { index: part.index, etag, md5: md5(chunk(part.index)) } : await send(part))
    }
    await report(taskId, sent)
    const { status, body: file } = await client.complete(taskId)
    expect(status).toBe(200)
    const redirect = await fetch(`${client.url}/api/files/${file['id']}/content`, {
      headers: { authorization: `Bearer ${client.token}` },
      redirect: 'manual',
    })
    const signed = redirect.headers.get('location') ?? ''
    expect((await fetch(signed)).status).toBe(200)
    expect((await fetch(signed.replace(/\?.*/, ''))).status).toBe(403)
  })

  it('are bound to their length, and to their MD5 where that was told before', async () => {
    const { taskId, parts } = await begin()
    const [first] = parts
    if (first === undefined) throw new Error('no part was signed')
    expect((await put(first, chunk(0).subarray(1))).status).toBe(403)
    const [bound] = partsOf((await sign(taskId, 0)).body)
    if (bound === undefined) throw new Error('no part was signed')
    expect(bound.headers).toMatchObject({ 'content-md5': md5(chunk(0)) })
    expect((await put(bound, chunk(1))).status).toBe(400)
    const other = { ...bound, headers: { ...bound.headers, 'content-md5': md5(chunk(1)) } }
    expect((await put(other, chunk(1))).status).toBe(403)
    expect((await put(bound, chunk(0))).status).toBe(200)
  })

  it('count only when the store has what is reported, and the others of a report do', async () => {
    const { taskId, parts } = await begin()
    const [first, second] = await Promise.all(parts.slice(0, 2).map((part) => send(part)))
    const wrong = [
      { ...first, etag: '"0123456789abcdef0123456789abcdef"' },
      { ...second, md5: md5(chunk(0)) },
      { index: 2, etag: '""', md5: md5(chunk(2)) },
    ]
    const refused = [
      { index: 0, reason: 'etag' },
      { index: 1, reason: 'md5' },
      { index: 2, reason: 'absent' },
    ]
    const answer = { status: 409, body: { code: 'PARTS_REFUSED', details: { received: [], refused } } }
    expect(await report(taskId, wrong)).toMatchObject(answer)
    const mixed = await report(taskId, [first, wrong[1]])
    expect(mixed.body).toMatchObject({ details: { received: [0], refused: [{ index: 1, reason: 'md5' }] } })
    expect(await report(taskId, [first, second])).toMatchObject({ status: 200, body: { received: [0, 1] } })
    expect(await client.complete(taskId)).toMatchObject({
      status: 409,
      body: { code: 'CHUNKS_MISSING', details: { missingChunks: [2] } },
    })
  })

  it('mix with chunks through the API, and go on after a break with those that are missing', async () => {
    const { taskId, parts } = await begin()
    const [first] = parts
    if (first === undefined) throw new Error('no part was signed')
    await report(taskId, [await send(first)])
    expect((await client.putChunk(taskId, 2, chunk(2))).status).toBe(200)
    // Another process of the client's, which knows the task's id alone.
    const { body } = await client.call('GET', `/api/files/upload/resume/${taskId}`)
    expect(body['uploadedChunks']).toEqual([0, 2])
    const page = await urls(taskId, { limit: 1 })
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(page.body).toMatchObject({ parts: [{ index: 1 }], next: null })
    const [missing] = partsOf(page.body)
    if (missing === undefined) throw new Error('no part was signed')
    await report(taskId, [await send(missing)])
    const completed = await client.complete(taskId)
    expect((await client.download(completed.body['id'])).equals(bytes)).toBe(true)
  })

  it('come in pages', async () => {
    const { taskId } = await begin()
    const page = await urls(taskId, { from: 0, limit: 2 })
    expect(page.body).toMatchObject({ parts: [{ index: 0 }, { index: 1 }], next: 2 })
    const last = await urls(taskId, { from: 2, limit: 2 })
    expect(last.body).toMatchObject({ parts: [{ index: 2 }], next: null })
  })

  it('that were overwritten after they counted are found and asked for again', async () => {
    const { taskId, parts } = await begin()
    await report(taskId, await Promise.all(parts.map((part) => send(part))))
    const [, second] = parts
    if (second === undefined) throw new Error('no part was signed')
    await put(second, randomBytes(second.size))
    const damaged = await client.complete(taskId)
    expect(damaged).toMatchObject({ status: 409, body: { code: 'CHUNKS_DAMAGED', details: { missingChunks: [1] } } })
    const again = partsOf((await urls(taskId)).body)
    expect(again.map(({ index }) => index)).toEqual([1])
    await report(taskId, await Promise.all(again.map((part) => send(part))))
    const completed = await client.complete(taskId)
    expect(completed.status).toBe(200)
    expect((await client.download(completed.body['id'])).equals(bytes)).toBe(true)
  })

  it('of another account are not there', async () => {
    const { taskId, parts } = await begin()
    const [first] = parts
    if (first === undefined) throw new Error('no part was signed')
    const stranger = await stage.client()
    const part = await send(first)
    const answers = await Promise.all([
      stranger.call('POST', path(taskId, '/urls')),
      stranger.call('POST', path(taskId, '/urls'), { body: { parts: [{ index: 0, md5: part.md5 }] } }),
      stranger.call('POST', path(taskId, '/parts'), { body: { parts: [part] } }),
    ])
    for (const answer of answers) expect(answer).toMatchObject({ status: 404, body: { code: 'TASK_NOT_FOUND' } })
    const { body } = await client.call('GET', `/api/files/upload/resume/${taskId}`)
    expect(body['uploadedChunks']).toEqual([])
  })

  it('are refused as chunks through the API are: paused, ended, not in the plan, not valid', async () => {
    const { taskId } = await begin()
    expect(await sign(taskId, 3)).toMatchObject({ status: 400, body: { code: 'CHUNK_INDEX_INVALID' } })
    const twice = { index: 0, etag: 'x', md5: 'AAAA' }
    expect(await report(taskId, [twice])).toMatchObject({
      status: 400,
      body: { code: 'VALIDATION_FAILED', details: { errors: [{ field: 'parts.0.md5' }] } },
    })
    await client.call('POST', `/api/tasks/${taskId}/pause`)
    expect(await sign(taskId, 0)).toMatchObject({ status: 423, body: { code: 'UPLOAD_PAUSED' } })
    await client.call('DELETE', `/api/files/upload/task/${taskId}`)
    expect(await sign(taskId, 0)).toMatchObject({ status: 410, body: { code: 'UPLOAD_ENDED' } })
  })

  it('are not to be had where the pool is a folder', async () => {
    const { body } = await client.create(bytes, { direct: true })
    expect(body['direct']).toBeNull()
    const answer = await urls(String(body['taskId']))
    expect(answer).toMatchObject({ status: 409, body: { code: 'DIRECT_UNAVAILABLE' } })
  })

  it("are sent through the API where the pool's policy says so", async () => {
    const { taskId } = await begin()
    const admin = await poolAdmin(client)
    await admin.call('PATCH', `/${poolId}`, { policy: { directUpload: false } })
    expectRefusal(await urls(taskId), 409, 'DIRECT_UNAVAILABLE')
    expect((await client.create(bytes, { poolId, direct: true })).body).toMatchObject({ direct: null })
    await admin.call('PATCH', `/${poolId}`, { policy: { directUpload: null } })
    expect((await urls(taskId)).status).toBe(200)
  })
})
