import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Answer, TestClient } from '../support/client.ts'
import { holdRequest } from '../support/held-request.ts'
import { expectRefusal } from '../support/refusal.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

const bytes = randomBytes(1000)
const boundary = 'x-boundary-x'

type Part = { name: string; fileName?: string; content: Buffer | string }

/** A form as it goes over the wire. */
function form(parts: Part[], end = `--${boundary}--\r\n`): Buffer {
  const written = parts.flatMap(({ name, fileName, content }) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="${name}"`),
    Buffer.from(fileName === undefined ? '\r\n\r\n' : `; filename="${fileName}"\r\nContent-Type: a/b\r\n\r\n`),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ])
  return Buffer.concat([...written, Buffer.from(end)])
}

describe('a chunk over HTTP', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ workers: 0 })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  async function begin(): Promise<string> {
    return String((await client.create(bytes, { chunkSize: 1000 })).body['taskId'])
  }

  async function post(
    taskId: string,
    body: Buffer,
    type = `multipart/form-data; boundary=${boundary}`,
  ): Promise<Answer> {
    return client.call('POST', `/api/files/upload/chunk/${taskId}/0`, { body, headers: { 'content-type': type } })
  }

  /** Nothing counts, nothing is leased, and the chunk is taken at the first try. */
  async function expectUntouched(taskId: string): Promise<void> {
    expect(await stage.sql`select * from upload_chunks where task_id = ${taskId}`).toEqual([])
    expect(await client.postChunk(taskId, 0, bytes)).toMatchObject({ status: 200, body: { taskId, chunkIndex: 0 } })
  }

  const chunk: Part = { name: 'chunk', fileName: 'blob', content: bytes }

  it.each<[string, Part[]]>([
    ['in the field chunk', [chunk]],
    ['after other fields', [{ name: 'index', content: '0' }, { name: 'taskId', content: '1' }, chunk]],
    ['before other fields', [chunk, { name: 'name', content: 'film.mp4' }]],
    ['with a file name that is a path', [{ ...chunk, fileName: '../../../etc/passwd' }]],
  ])('is taken from a form %s', async (_, parts) => {
    const taskId = await begin()
    expect(await post(taskId, form(parts))).toMatchObject({ status: 200, body: { taskId, chunkIndex: 0 } })
    const rows = await stage.sql`select 1 from upload_chunks where task_id = ${taskId} and received_at is not null`
    expect(rows).toHaveLength(1)
  })

  it.each<[string, Buffer]>([
    ['in another field', form([{ ...chunk, name: 'file' }])],
    ['with an empty file name, as browsers send when none was chosen', form([{ ...chunk, fileName: '' }])],
    ['as text without a file name', form([{ name: 'chunk', content: 'x'.repeat(1000) }])],
    ['twice', form([chunk, chunk])],
    ['and another file', form([chunk, { ...chunk, name: 'other' }])],
    ['after another file', form([{ ...chunk, name: 'other' }, chunk])],
    ['among too many fields', form([...Array.from({ length: 20 }, () => ({ name: 'a', content: 'b' })), chunk])],
    ['with a field that is too long', form([{ name: 'a', content: 'b'.repeat(5000) }, chunk])],
    ['not at all', form([])],
    ['without the end of the form', form([chunk], '')],
    ['without the end of the part', form([chunk]).subarray(0, 700)],
    ['with a wrong end of the form', form([chunk], '--another--\r\n')],
    [
      'without a head',
      Buffer.concat([Buffer.from(`--${boundary}\r\n\r\n`), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
    ],
    ['as an empty body', Buffer.alloc(0)],
    ['as noise', randomBytes(3000)],
  ])('is refused %s, and leaves nothing behind', async (_, body) => {
    const taskId = await begin()
    const answer = await post(taskId, body)
    expect(answer.status).toBe(400)
    expectRefusal(answer, 400, String(answer.body['code']))
    expect(answer.body['code']).toMatch(/^(MALFORMED_MULTIPART|CHUNK_TORN)$/)
    await expectUntouched(taskId)
  })

  it.each([
    ['application/x-www-form-urlencoded', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['application/octet-stream', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['multipart/form-data', 400, 'MALFORMED_MULTIPART'],
    ['multipart/form-data; boundary=another', 400, 'MALFORMED_MULTIPART'],
    ['multipart/mixed; boundary=x', 415, 'UNSUPPORTED_MEDIA_TYPE'],
  ])('is refused by POST as %j', async (type, status, code) => {
    const taskId = await begin()
    expectRefusal(await post(taskId, form([chunk]), type), status, code)
    await expectUntouched(taskId)
  })

  it('is refused by PUT when it is compressed', async () => {
    const taskId = await begin()
    const answer = await client.putChunk(taskId, 0, bytes, { 'content-encoding': 'gzip' })
    expectRefusal(answer, 415, 'UNSUPPORTED_MEDIA_TYPE')
    await expectUntouched(taskId)
  })

  it.each([
    ['PUT', 1000],
    ['PUT', undefined],
    ['POST', 1500],
    ['POST', undefined],
  ])('torn in a %s of %s bytes counts for nothing and can be sent again at once', async (method, contentLength) => {
    const taskId = await begin()
    const held = holdRequest(client, method, `/api/files/upload/chunk/${taskId}/0`, {
      'content-type': method === 'PUT' ? 'application/octet-stream' : `multipart/form-data; boundary=${boundary}`,
      ...(contentLength === undefined ? {} : { 'content-length': contentLength }),
    })
    const whole = method === 'PUT' ? bytes : form([chunk])
    await held.send(whole.subarray(0, whole.length - 150))
    await until(async () => {
      const rows = await stage.sql`select 1 from upload_chunks where task_id = ${taskId}`
      return rows.length === 1 ? true : undefined
    })
    held.cut()
    await until(async () => {
      const rows = await stage.sql`select 1 from upload_chunks where task_id = ${taskId}`
      return rows.length === 0 ? true : undefined
    })
    await expectUntouched(taskId)
  })

  describe('with a Content-Digest', () => {
    const digest = (algorithm: string, of: Buffer) => `:${createHash(algorithm).update(of).digest('base64')}:`
    const sha256 = `sha-256=${digest('sha256', bytes)}`

    it.each([
      sha256,
      `sha-512=${digest('sha512', bytes)}`,
      `${sha256}, sha-512=${digest('sha512', bytes)}`,
      'md5=:1B2M2Y8AsgTpgAmY7PhCfg==:',
      `unixsum=:AAAA:,  ${sha256}`,
    ])('that fits or is of no concern is taken: %s', async (field) => {
      const taskId = await begin()
      expect(await client.putChunk(taskId, 0, bytes, { 'content-digest': field })).toMatchObject({ status: 200 })
    })

    const wrong = digest('sha256', randomBytes(1))
    it.each([
      [`sha-256=${wrong}`, 'DIGEST_MISMATCH'],
      [`sha-512=${digest('sha512', bytes)}, sha-256=${wrong}`, 'DIGEST_MISMATCH'],
      ['sha-256=abc', 'DIGEST_INVALID'],
      ['sha-256=:AAAA:', 'DIGEST_INVALID'],
      ['sha-256', 'DIGEST_INVALID'],
      ['nonsense nonsense', 'DIGEST_INVALID'],
    ])('that is wrong is refused and the chunk not kept: %s', async (field, code) => {
      const taskId = await begin()
      expectRefusal(await client.putChunk(taskId, 0, bytes, { 'content-digest': field }), 400, code)
      await expectUntouched(taskId)
    })
  })
})
