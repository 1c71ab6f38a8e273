import { randomBytes, randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestClient } from '../support/client.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'

const json = { 'content-type': 'application/json' }

describe('what is wrong is answered in one shape', () => {
  let stage: Stage
  let client: TestClient
  let taskId: string

  beforeAll(async () => {
    stage = await openStage({ workers: 0, env: { UPLOAD_MAX_FILE_SIZE: '1000000', UPLOAD_MAX_CHUNK_SIZE: '6000000' } })
    client = await stage.client()
    taskId = String((await client.create(randomBytes(2500), { chunkSize: 1000 })).body['taskId'])
  })
  afterAll(async () => {
    const output = stage.system.apis[0]?.output() ?? ''
    await stage.close()
    expect(output).not.toContain('"level":"error"')
  })

  const createPath = '/api/files/upload/create'
  const chunkPath = (index: string) => `/api/files/upload/chunk/${taskId}/${index}`

  describe('in the path', () => {
    it.each([randomUUID(), 'abc123def456ghi789', '1', '%00', '..%2f..%2fetc', 'null'])('task %s is 404', async (id) => {
      expectRefusal(await client.call('GET', `/api/files/upload/progress/${id}`), 404, 'TASK_NOT_FOUND')
      expectRefusal(await client.call('GET', `/api/files/upload/resume/${id}`), 404, 'TASK_NOT_FOUND')
      expectRefusal(await client.call('DELETE', `/api/files/upload/task/${id}`), 404, 'TASK_NOT_FOUND')
      expectRefusal(await client.complete(id), 404, 'TASK_NOT_FOUND')
      expectRefusal(await client.putChunk(id, 0, randomBytes(10)), 404, 'TASK_NOT_FOUND')
      expectRefusal(await client.postChunk(id, 0, randomBytes(10)), 404, 'TASK_NOT_FOUND')
      expectRefusal(await client.call('GET', `/api/files/${id}`), 404, 'FILE_NOT_FOUND')
    })

    it.each(['-1', '3', '4', 'NaN', '1e0', '0x1', '1.0', '+1', '%20', '99999999999999999999', '2147483648', '４'])(
      'chunk index %s is 400',
      async (index) => {
        const put = await client.call('PUT', chunkPath(encodeURI(decodeURI(index))), { body: randomBytes(1000) })
        expectRefusal(put, 400, 'CHUNK_INDEX_INVALID')
        expect(put.body['details']).toEqual({ chunksCount: 3 })
        const form = new FormData()
        form.append('chunk', new Blob([randomBytes(1000)]))
        expectRefusal(
          await client.call('POST', chunkPath(encodeURI(decodeURI(index))), { body: form }),
          400,
          'CHUNK_INDEX_INVALID',
        )
      },
    )

    it('a route that is not there is 404, also with another method', async () => {
      for (const path of ['/', '/api', '/api/nothing', '/drive/files/upload/create/x', '/files/upload/create']) {
        expectRefusal(await client.call('POST', path), 404, 'ROUTE_NOT_FOUND')
      }
      expectRefusal(await client.call('PATCH', chunkPath('0')), 405, 'METHOD_NOT_ALLOWED')
      expectRefusal(await client.call('POST', '/api/files'), 405, 'METHOD_NOT_ALLOWED')
    })

    it('percent signs that encode nothing are 400', async () => {
      expectRefusal(await client.call('GET', '/api/files/upload/progress/%E0%A4%A'), 400, 'MALFORMED_REQUEST')
      expectRefusal(
        await client.call('PUT', '/api/files/upload/chunk/%zz/0', { body: randomBytes(1) }),
        400,
        'MALFORMED_REQUEST',
      )
    })
  })

  describe('in what is created', () => {
    const body = {
      fileName: 'a.txt',
      fileSize: 10,
      contentType: 'text/plain',
      hash: 'ab'.repeat(32),
    }
    const cases: [string, Record<string, unknown>][] = [
      ['hash', { hash: 'ab'.repeat(31) }],
      ['hash', { hash: 'xy'.repeat(32) }],
      ['hash', { hash: undefined }],
      ['hash', { hash: { $ne: '' } }],
      ['contentType', { contentType: 'nonsense' }],
      ['contentType', { contentType: 'text/plain\r\nX-Evil: 1' }],
      ['contentType', { contentType: 'text/ plain' }],
      ['contentType', { contentType: '' }],
      ['contentType', { contentType: `text/${'x'.repeat(300)}` }],
      ['fileSize', { fileSize: '10' }],
      ['fileSize', { fileSize: 1.5 }],
      ['fileSize', { fileSize: -0.5 }],
      ['fileSize', { fileSize: 2 ** 53 }],
      ['fileSize', { fileSize: null }],
      ['chunkSize', { chunkSize: 0 }],
      ['chunkSize', { chunkSize: 6_000_001 }],
      ['chunkSize', { chunkSize: '5' }],
      ['fileName', { fileName: ['a'] }],
      ['poolId', { poolId: 'default' }],
      ['bundleId', { bundleId: "' or 1=1" }],
      ['expiredAt', { expiredAt: '2001-01-01T00:00:00Z' }],
      ['expiredAt', { expiredAt: 1_900_000_000 }],
      ['expiredAt', { expiredAt: '2999-02-31T00:00:00Z' }],
      ['constructor', { constructor: { prototype: { admin: true } } }],
      ['filesize', { filesize: 3 }],
    ]

    it.each(cases)('a bad %s is named: %j', async (field, wrong) => {
      const answer = await client.call('POST', createPath, { body: { ...body, ...wrong } })
      expectRefusal(answer, 400, 'VALIDATION_FAILED')
      expect(answer.body['details']).toEqual({ errors: [{ field, message: expect.any(String) }] })
    })

    it('a key that would reach the prototype is an unknown field', async () => {
      const text = JSON.stringify(body).replace('{', '{"__proto__":{"admin":true},')
      const answer = await client.call('POST', createPath, { body: Buffer.from(text), headers: json })
      expectRefusal(answer, 400, 'VALIDATION_FAILED')
      expect(answer.body['details']).toMatchObject({ errors: [{ field: '__proto__' }] })
    })

    it('a file over the limit is 413', async () => {
      const answer = await client.call('POST', createPath, { body: { ...body, fileSize: 1_000_001 } })
      expectRefusal(answer, 413, 'FILE_TOO_LARGE')
      expect(answer.body['details']).toMatchObject({ fileSize: 1_000_001, maxFileSize: 1_000_000 })
    })

    const deep = '{"fileName":'.repeat(5000) + '1' + '}'.repeat(5000)
    const bodies: [string, Buffer, Record<string, string>, number, string][] = [
      ['JSON that breaks off', Buffer.from('{"fileName":"a'), json, 400, 'MALFORMED_JSON'],
      ['JSON that is only a word', Buffer.from('"hello"'), json, 400, 'MALFORMED_JSON'],
      ['null', Buffer.from('null'), json, 400, 'MALFORMED_JSON'],
      ['NUL bytes', Buffer.alloc(20), json, 400, 'MALFORMED_JSON'],
      ['an array', Buffer.from('[]'), json, 400, 'VALIDATION_FAILED'],
      ['an empty body', Buffer.alloc(0), json, 400, 'VALIDATION_FAILED'],
      ['deep JSON', Buffer.from(deep), json, 400, 'VALIDATION_FAILED'],
      ['huge JSON', Buffer.from(JSON.stringify({ fileName: 'x'.repeat(70_000) })), json, 413, 'BODY_TOO_LARGE'],
      ['plain text', Buffer.from('{}'), { 'content-type': 'text/plain' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
      [
        'a form',
        Buffer.from('fileName=a'),
        { 'content-type': 'application/x-www-form-urlencoded' },
        415,
        'UNSUPPORTED_MEDIA_TYPE',
      ],
      ['no type', Buffer.from('{}'), { 'content-type': '' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
      [
        'another charset',
        Buffer.from('{}'),
        { 'content-type': 'application/json; charset=latin1' },
        415,
        'UNSUPPORTED_MEDIA_TYPE',
      ],
      ['compressed JSON', gzipSync('{}'), { ...json, 'content-encoding': 'gzip' }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ]

    it.each(bodies)('%s', async (_, bytes, headers, status, code) => {
      expectRefusal(await client.call('POST', createPath, { body: bytes, headers }), status, code)
    })
  })

  it('what is no HTTP at all ends the connection and hurts nobody', async () => {
    const { hostname, port } = new URL(client.url)
    for (const text of [
      'nonsense\r\n\r\n',
      'GET / HTTP/1.1\r\nHost\0: x\r\n\r\n',
      `GET /${'x'.repeat(40_000)} HTTP/1.1\r\n\r\n`,
    ]) {
      const answered = await new Promise<string>((resolve) => {
        const socket = connect(Number(port), hostname, () => socket.write(text))
        let said = ''
        socket.on('data', (piece: Buffer) => (said += piece.toString()))
        socket.on('close', () => resolve(said))
        socket.on('error', () => {})
      })
      expect(answered).toMatch(/^HTTP\/1\.1 4\d\d /)
    }
    expect((await client.call('GET', '/health/live')).status).toBe(200)
  })
})
