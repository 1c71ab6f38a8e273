import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Answer, sha256, type TestClient } from '../support/client.ts'
import { errorsOf, expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'

const minted = z.object({ id: z.string(), token: z.string().regex(/^lsu_[\w-]{43}$/), expiresAt: z.iso.datetime() })
type Minted = z.infer<typeof minted>

describe('an upload token', { timeout: 60_000 }, () => {
  let stage: Stage
  let backend: TestClient
  beforeAll(async () => {
    stage = await openStage({})
    backend = await stage.client()
  })
  afterAll(() => stage.close())

  const bytes = randomBytes(2500)
  const plan = (content: Buffer) => ({
    fileName: 'f.bin',
    fileSize: content.length,
    contentType: 'application/octet-stream',
    hash: sha256(content),
    chunkSize: 1000,
  })
  const mint = async (body: Record<string, unknown>): Promise<Minted> =>
    minted.parse((await backend.call('POST', '/api/tokens', { body })).body)
  const makeBundle = async (): Promise<string> =>
    String((await backend.call('POST', '/api/bundles', { body: { name: 'b' } })).body['id'])
  /** What a browser does with a token alone. */
  const browser = ({ token }: Minted) => {
    const call = (method: string, path: string, body?: unknown): Promise<Answer> =>
      backend.call(method, path, { headers: { authorization: `Bearer ${token}` }, ...(body ? { body } : {}) })
    return {
      call,
      create: (content: Buffer, fields = {}) =>
        call('POST', '/api/files/upload/create', { ...plan(content), ...fields }),
      send: async (taskId: unknown, content: Buffer): Promise<Answer> => {
        for (let index = 0; index * 1000 < content.length; index++) {
          const piece = content.subarray(index * 1000, (index + 1) * 1000)
          const { status } = await call('PUT', `/api/files/upload/chunk/${taskId}/${index}`, piece)
          if (status !== 200) throw new Error(`chunk ${index} was answered ${status}`)
        }
        return call('POST', `/api/files/upload/complete/${taskId}`)
      },
    }
  }

  it('of one upload sends, resumes and completes it, and does nothing else', async () => {
    const { taskId } = (await backend.create(bytes, { chunkSize: 1000 })).body
    const other = (await backend.create(randomBytes(10))).body['taskId']
    const { call, create, send } = browser(await mint({ taskId, expiresInMinutes: 5 }))
    expect((await call('GET', `/api/files/upload/resume/${taskId}`)).body).toMatchObject({ uploadedChunks: [] })
    for (const [method, path] of [
      ['PUT', `/api/files/upload/chunk/${other}/0`],
      ['POST', `/api/files/upload/complete/${other}`],
      ['GET', `/api/files/upload/resume/${other}`],
      ['DELETE', `/api/files/upload/task/${other}`],
    ] as const) {
      expectRefusal(await call(method, path, method === 'PUT' ? randomBytes(10) : undefined), 404, 'TASK_NOT_FOUND')
    }
    expectRefusal(await create(bytes), 403, 'FORBIDDEN')
    for (const path of ['files', 'files/upload/tasks', 'files/upload/stats', 'tasks', 'tokens', 'bundles', 'quota']) {
      expectRefusal(await call('GET', `/api/${path}`), 403, 'FORBIDDEN')
    }
    expectRefusal(await call('POST', '/api/tokens', { taskId }), 403, 'FORBIDDEN')
    const file = (await send(taskId, bytes)).body
    expect(file).toMatchObject({ size: 2500 })
    expectRefusal(await call('GET', `/api/files/${file['id']}/content`), 403, 'FORBIDDEN')
    expect((await backend.download(file['id'])).equals(bytes)).toBe(true)
  })

  it('of a bundle begins uploads into it alone, of so many bytes together, also at once', async () => {
    const bundleId = await makeBundle()
    const token = await mint({ bundleId, maxBytes: 5000 })
    const { call, create, send } = browser(token)
    const created = await create(bytes)
    expect((await send(created.body['taskId'], bytes)).body).toMatchObject({ bundleId })
    expectRefusal(await create(bytes, { bundleId: await makeBundle() }), 403, 'FORBIDDEN')
    const elsewhere = (await backend.create(bytes)).body
    expect(elsewhere).toMatchObject({ fileExists: true })
    const own = (await backend.create(randomBytes(10))).body['taskId']
    expectRefusal(await call('GET', `/api/files/upload/resume/${own}`), 404, 'TASK_NOT_FOUND')
    const answers = await Promise.all([1, 2, 3, 4].map(() => create(randomBytes(1250))))
    expect(answers.map((answer) => answer.status).toSorted((a, b) => a - b)).toEqual([200, 200, 403, 403])
    const [spent] = answers.filter((answer) => answer.status === 403)
    expect(spent?.body).toMatchObject({
      code: 'TOKEN_SPENT',
      details: { maxBytes: 5000, usedBytes: 5000, requestedBytes: 1250 },
    })
    const listed = z.array(z.object({ id: z.string() }).loose()).parse((await backend.call('GET', '/api/tokens')).body)
    expect(listed.find(({ id }) => id === token.id)).toMatchObject({ bundleId, maxBytes: 5000, usedBytes: 5000 })
    expect(JSON.stringify(listed)).not.toContain('lsu_')
  })

  it('does not tell what the account has: bytes that are known are sent again', async () => {
    const known = randomBytes(100)
    await backend.upload(known)
    const { create } = browser(await mint({ bundleId: await makeBundle(), maxBytes: 2500 }))
    expect((await create(known)).body).toMatchObject({ fileExists: false })
  })

  it('ends when it is revoked, in the middle of an upload, and when its time is over', async () => {
    const { taskId } = (await backend.create(randomBytes(1500), { chunkSize: 1000 })).body
    const token = await mint({ taskId })
    const { call } = browser(token)
    const path = `/api/files/upload/chunk/${taskId}/`
    expect((await call('PUT', `${path}0`, randomBytes(1000))).status).toBe(200)
    const late = await mint({ taskId })
    await stage.sql`update upload_tokens set expires_at = now() where id = ${late.id}`
    expectRefusal(await browser(late).call('PUT', `${path}1`, randomBytes(500)), 401, 'TOKEN_EXPIRED')
    expect((await backend.call('DELETE', `/api/tokens/${token.id}`)).status).toBe(204)
    expectRefusal(await call('PUT', `${path}1`, randomBytes(500)), 401, 'TOKEN_INVALID')
    expectRefusal(await backend.call('DELETE', `/api/tokens/${token.id}`), 404, 'TOKEN_NOT_FOUND')
  })

  it('does not open the door to live events', async () => {
    const { taskId } = (await backend.create(randomBytes(10))).body
    const { call } = browser(await mint({ taskId }))
    expectRefusal(await call('GET', `/api/tasks/${taskId}/events`), 403, 'FORBIDDEN')
  })

  it('is for something of the account, which is said in full', async () => {
    const stranger = await stage.client()
    const { taskId } = (await stranger.create(randomBytes(10))).body
    const ask = (body: Record<string, unknown>) => backend.call('POST', '/api/tokens', { body })
    expectRefusal(await ask({ taskId }), 404, 'TASK_NOT_FOUND')
    const theirs = (await stranger.call('POST', '/api/bundles', { body: { name: 'b' } })).body['id']
    expectRefusal(await ask({ bundleId: theirs, maxBytes: 1 }), 404, 'BUNDLE_NOT_FOUND')
    expect(errorsOf(await ask({}))).toMatchObject([{ field: 'taskId' }])
    expect(errorsOf(await ask({ bundleId: theirs }))).toMatchObject([{ field: 'maxBytes' }])
    expect(errorsOf(await ask({ taskId, maxBytes: 1, expiresInMinutes: 1441 }))).toMatchObject([
      { field: 'expiresInMinutes' },
      { field: 'maxBytes' },
    ])
    const mine = (await backend.create(randomBytes(10))).body['taskId']
    await backend.call('DELETE', `/api/files/upload/task/${mine}`)
    expectRefusal(await ask({ taskId: mine }), 410, 'UPLOAD_ENDED')
  })
})
