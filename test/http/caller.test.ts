import { createHmac, randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { signToken } from '../../src/auth/token.ts'
import type { TestClient } from '../support/client.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { secret } from '../support/system.ts'

const createPath = '/api/files/upload/create'

describe('who is not let in', () => {
  let stage: Stage
  let client: TestClient
  let taskId: string

  beforeAll(async () => {
    stage = await openStage({ workers: 0 })
    client = await stage.client()
    taskId = String((await client.create(randomBytes(2500), { chunkSize: 1000 })).body['taskId'])
  })
  afterAll(() => stage.close())

  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const claims = { sub: randomUUID(), exp: Math.floor(Date.now() / 1000) + 3600 }
  const signed = (header: unknown, payload: unknown, key: string) => {
    const text = `${encode(header)}.${encode(payload)}`
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
  }
  const header = { alg: 'HS256', typ: 'JWT' }
  const cases: [string, string, string | undefined][] = [
    ['no header', 'UNAUTHENTICATED', ''],
    ['another scheme', 'UNAUTHENTICATED', 'Basic YTpi'],
    ['an empty token', 'UNAUTHENTICATED', 'Bearer '],
    ['garbage', 'TOKEN_INVALID', 'Bearer garbage'],
    ['a token of three dots', 'TOKEN_INVALID', 'Bearer ...'],
    ['a wrong signature', 'TOKEN_INVALID', `Bearer ${signed(header, claims, 'not the secret, but of good length')}`],
    ['alg none', 'TOKEN_INVALID', `Bearer ${encode({ alg: 'none' })}.${encode(claims)}.`],
    ['alg none with a signature', 'TOKEN_INVALID', `Bearer ${signed({ alg: 'none' }, claims, secret)}`],
    ['a subject that is no account', 'TOKEN_INVALID', `Bearer ${signed(header, { ...claims, sub: 'me' }, secret)}`],
    ['no subject', 'TOKEN_INVALID', `Bearer ${signed(header, { exp: claims.exp }, secret)}`],
    ['an expired token', 'TOKEN_EXPIRED', `Bearer ${signed(header, { ...claims, exp: 1_700_000_000 }, secret)}`],
  ]

  it.each(cases)('%s is 401 %s on every route', async (_, code, authorization) => {
    const id = randomUUID()
    const routes: [string, string][] = [
      ['POST', createPath],
      ['POST', `/api/files/upload/chunk/${id}/0`],
      ['PUT', `/api/files/upload/chunk/${id}/0`],
      ['POST', `/api/files/upload/complete/${id}`],
      ['GET', `/drive/files/upload/resume/${id}`],
      ['GET', `/api/files/upload/progress/${id}`],
      ['DELETE', `/api/files/upload/task/${id}`],
      ['GET', `/api/files/${id}`],
      ['GET', `/drive/files/${id}/content`],
    ]
    for (const [method, path] of routes) {
      const body =
        path === createPath ? { body: { fileName: 'x' } } : method === 'PUT' ? { body: Buffer.from('x') } : {}
      const answer = await client.call(method, path, { ...body, headers: { authorization: authorization ?? '' } })
      expectRefusal(answer, 401, code)
    }
  })

  it('a token in the URL does not count', async () => {
    const path = `/api/files/upload/progress/${taskId}`
    const answer = await client.call('GET', `${path}?access_token=${client.token}`, {
      headers: { authorization: '' },
    })
    expectRefusal(answer, 401, 'UNAUTHENTICATED')
  })

  it('does not read what a stranger sends', async () => {
    const headers = { 'content-type': 'application/json', authorization: '' }
    expectRefusal(
      await client.call('POST', createPath, { headers, body: Buffer.from('{"a":') }),
      401,
      'UNAUTHENTICATED',
    )
  })

  it('another account sees nothing of an upload, on every route', async () => {
    const stranger = await stage.client()
    // The process knows the upload by heart from now on.
    await client.putChunk(taskId, 2, randomBytes(500))
    for (const answer of [
      await stranger.putChunk(taskId, 0, randomBytes(1000)),
      await stranger.putChunk(taskId, 2, randomBytes(500)),
      await stranger.putChunk(taskId, 3, randomBytes(1000)),
      await stranger.putChunk(taskId, 0, randomBytes(1)),
      await stranger.postChunk(taskId, 0, randomBytes(1000)),
      await stranger.complete(taskId),
      await stranger.call('GET', `/api/files/upload/resume/${taskId}`),
      await stranger.call('GET', `/api/files/upload/progress/${taskId}`),
      await stranger.call('DELETE', `/api/files/upload/task/${taskId}`),
    ]) {
      expectRefusal(answer, 404, 'TASK_NOT_FOUND')
    }
    const admin = await signToken(secret, { account: randomUUID(), admin: true, expiresInSeconds: 60 })
    const answer = await client.call('GET', `/api/files/upload/resume/${taskId}`, {
      headers: { authorization: `Bearer ${admin}` },
    })
    expectRefusal(answer, 404, 'TASK_NOT_FOUND')
  })
})
