import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chunksOf, type TestClient } from '../support/client.ts'
import { type HeldRequest, holdRequest } from '../support/held-request.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

const chunkSize = 1000

describe('receiving chunks', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage({ apis: 2 })
    client = await stage.client()
  })
  afterAll(() => stage.close())

  async function begin(bytes: Buffer): Promise<{ taskId: string; piece: (index: number) => Buffer }> {
    const { body } = await client.create(bytes, { chunkSize })
    const piece = (index: number) => bytes.subarray(index * chunkSize, (index + 1) * chunkSize)
    return { taskId: String(body['taskId']), piece }
  }

  /** Sends what is missing and proves that the file is what it should be. */
  async function expectFile(taskId: string, bytes: Buffer): Promise<void> {
    const there = await received(taskId)
    const missing = chunksOf(bytes, chunkSize).flatMap((piece, index) =>
      there.includes(index) ? [] : [{ piece, index }],
    )
    for (const { piece, index } of missing) {
      expect(await client.putChunk(taskId, index, piece)).toMatchObject({ status: 200 })
    }
    const file = await client.complete(taskId)
    expect(file).toMatchObject({ status: 200 })
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
  }

  /** Holds a chunk's request open, half sent, and waits until the server has leased the chunk to it. */
  async function holdChunk(taskId: string, index: number, half: Buffer, how: 'PUT' | 'POST'): Promise<HeldRequest> {
    const path = `/api/files/upload/chunk/${taskId}/${index}`
    const held =
      how === 'PUT'
        ? holdRequest(client, 'PUT', path, { 'content-type': 'application/octet-stream', 'content-length': chunkSize })
        : holdRequest(client, 'POST', path, { 'content-type': 'multipart/form-data; boundary=cut' })
    if (how === 'POST') {
      await held.send('--cut\r\nContent-Disposition: form-data; name="chunk"; filename="c"\r\n\r\n')
    }
    await held.send(half)
    await until(async () => ((await leases(taskId)).includes(index) ? true : undefined))
    return held
  }

  async function leases(taskId: string): Promise<number[]> {
    const rows = await stage.sql<{ index: number }[]>`
      select index from upload_chunks where task_id = ${taskId} and lease_token is not null`
    return rows.map((row) => row.index)
  }

  async function received(taskId: string): Promise<number[]> {
    return (await client.call('GET', `/api/files/upload/resume/${taskId}`)).body['uploadedChunks'] as number[]
  }

  it('takes them in any order, in parallel, at two API processes at once', async () => {
    const bytes = randomBytes(40 * chunkSize + 1)
    const { taskId, piece } = await begin(bytes)
    const other = await stage.client({ account: client.account, api: 1 })
    const order = Array.from({ length: 41 }, (_, nth) => (nth * 17) % 41)
    const answers = await Promise.all(
      order.map((index) => (index % 2 === 0 ? client : other).putChunk(taskId, index, piece(index))),
    )
    expect(answers.every((answer) => answer.status === 200)).toBe(true)
    await expectFile(taskId, bytes)
  })

  it('takes each chunk once when it comes to both processes at the same time', async () => {
    const bytes = randomBytes(10 * chunkSize)
    const { taskId, piece } = await begin(bytes)
    const other = await stage.client({ account: client.account, api: 1 })
    for (let index = 0; index < 10; index++) {
      const answers = await Promise.all(
        [client, other, client, other].map((one) => one.putChunk(taskId, index, piece(index))),
      )
      const statuses = answers.map((answer) => answer.status).sort((a, b) => a - b)
      expect(statuses[0]).toBe(200)
      expect(statuses.slice(1).every((status) => status === 409 || status === 423)).toBe(true)
    }
    await expectFile(taskId, bytes)
  })

  it.each(['putChunk', 'postChunk'] as const)(
    'answers 409 to %s of a chunk that is there, and keeps the first',
    async (send) => {
      const bytes = randomBytes(2 * chunkSize)
      const { taskId, piece } = await begin(bytes)
      await client[send](taskId, 0, piece(0))
      expect(await client[send](taskId, 0, randomBytes(chunkSize))).toMatchObject({
        status: 409,
        body: { code: 'CHUNK_ALREADY_UPLOADED', status: 409, details: { index: 0 } },
      })
      await expectFile(taskId, bytes)
    },
  )

  describe.each(['PUT', 'POST'] as const)('while another request (%s) is sending the same chunk', (how) => {
    it('answers 423 with Retry-After at once, and lets the first one finish', async () => {
      const bytes = randomBytes(2 * chunkSize)
      const { taskId, piece } = await begin(bytes)
      const held = await holdChunk(taskId, 1, piece(1).subarray(0, 400), how)
      const other = await stage.client({ account: client.account, api: 1 })
      for (const busy of [
        await client.putChunk(taskId, 1, piece(1)),
        await other.putChunk(taskId, 1, piece(1)),
        await other.postChunk(taskId, 1, piece(1)),
      ]) {
        expect(busy).toMatchObject({ status: 423, body: { code: 'CHUNK_BUSY' } })
        const retryAfter = Number(busy.headers.get('retry-after'))
        expect(retryAfter).toBeGreaterThanOrEqual(1)
        expect(retryAfter).toBeLessThanOrEqual(15)
      }
      await held.send(piece(1).subarray(400))
      if (how === 'POST') await held.send('\r\n--cut--\r\n')
      held.end()
      expect(await held.answer).toMatchObject({ status: 200, body: { taskId, chunkIndex: 1 } })
      await expectFile(taskId, bytes)
    })

    it('gives the chunk free as soon as that connection dies', async () => {
      const bytes = randomBytes(2 * chunkSize)
      const { taskId } = await begin(bytes)
      const held = await holdChunk(taskId, 0, randomBytes(700), how)
      held.cut()
      const cutAt = Date.now()
      await until(async () => ((await leases(taskId)).length === 0 ? true : undefined))
      expect(Date.now() - cutAt).toBeLessThan(2000)
      expect(await received(taskId)).toEqual([])
      await expectFile(taskId, bytes)
    })
  })

  it('gives a chunk to another when its lease has run out, and the file is right whatever the late one does', async () => {
    const bytes = randomBytes(2 * chunkSize)
    const { taskId, piece } = await begin(bytes)
    const late = await holdChunk(taskId, 0, Buffer.alloc(500, 0xaa), 'PUT')
    await stage.sql`
      update upload_chunks set lease_expires_at = now() - interval '1 second' where task_id = ${taskId} and index = 0`
    expect(await client.putChunk(taskId, 0, piece(0))).toMatchObject({ status: 200 })
    await client.putChunk(taskId, 1, piece(1))
    const file = await client.complete(taskId)
    expect(file).toMatchObject({ status: 200 })
    // The late one has had the staging file open all the time, and only now writes into it.
    await late.send(Buffer.alloc(500, 0xbb))
    late.end()
    expect(await late.answer).toMatchObject({ status: 409, body: { code: 'CHUNK_ALREADY_UPLOADED' } })
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
  })

  it('tells the sender of a refused form at once, not when the form has come to its end', async () => {
    const bytes = randomBytes(2 * chunkSize)
    const { taskId, piece } = await begin(bytes)
    await client.putChunk(taskId, 0, piece(0))
    const held = holdRequest(client, 'POST', `/api/files/upload/chunk/${taskId}/0`, {
      'content-type': 'multipart/form-data; boundary=cut',
    })
    await held.send('--cut\r\nContent-Disposition: form-data; name="chunk"; filename="c"\r\n\r\nabc')
    expect(await held.answer).toMatchObject({ status: 409, body: { code: 'CHUNK_ALREADY_UPLOADED' } })
    held.cut()
  })

  describe('of the wrong length', () => {
    it.each([
      ['short', chunkSize - 1, 400, 'CHUNK_SIZE_MISMATCH'],
      ['empty', 0, 400, 'CHUNK_SIZE_MISMATCH'],
      ['long', chunkSize + 1, 413, 'CHUNK_TOO_LARGE'],
    ])('refuses one that is %s, however it is sent, and takes it right at once', async (_, size, status, code) => {
      const bytes = randomBytes(3 * chunkSize)
      const { taskId, piece } = await begin(bytes)
      await client.putChunk(taskId, 2, piece(2))
      const wrong = Buffer.alloc(size, 0x55)
      expect(await client.putChunk(taskId, 1, wrong)).toMatchObject({ status, body: { code, details: { index: 1 } } })
      expect(await client.postChunk(taskId, 1, wrong)).toMatchObject({ status, body: { code, details: { index: 1 } } })

      const chunked = holdRequest(client, 'PUT', `/api/files/upload/chunk/${taskId}/1`)
      if (size > 0) await chunked.send(wrong)
      chunked.end()
      expect(await chunked.answer).toMatchObject({ status, body: { code } })

      expect(await received(taskId)).toEqual([2])
      expect(await leases(taskId)).toEqual([])
      await expectFile(taskId, bytes)
    })

    it('leaves the neighbours of a much too long chunk alone', async () => {
      const bytes = randomBytes(200 * chunkSize)
      const { taskId, piece } = await begin(bytes)
      await Promise.all([0, 2, 3, 4].map((index) => client.putChunk(taskId, index, piece(index))))
      const long = holdRequest(client, 'PUT', `/api/files/upload/chunk/${taskId}/1`)
      await long.send(randomBytes(150 * chunkSize))
      expect(await long.answer).toMatchObject({ status: 413, body: { code: 'CHUNK_TOO_LARGE' } })
      long.cut()
      expect(await client.postChunk(taskId, 1, randomBytes(150 * chunkSize))).toMatchObject({ status: 413 })
      await expectFile(taskId, bytes)
    })

    it('takes the shorter last chunk by its own length only', async () => {
      const bytes = randomBytes(chunkSize + 10)
      const { taskId } = await begin(bytes)
      expect(await client.putChunk(taskId, 1, Buffer.alloc(chunkSize))).toMatchObject({ status: 413 })
      await expectFile(taskId, bytes)
    })
  })

  it('takes a body of unknown length and of many small pieces', async () => {
    const bytes = randomBytes(chunkSize)
    const { taskId } = await begin(bytes)
    const held = holdRequest(client, 'PUT', `/api/files/upload/chunk/${taskId}/0`)
    for (let at = 0; at < chunkSize; at += 7) await held.send(bytes.subarray(at, at + 7))
    held.end()
    expect(await held.answer).toMatchObject({ status: 200 })
    await expectFile(taskId, bytes)
  })

  it('goes on taking chunks after hundreds of broken requests', async () => {
    const bytes = randomBytes(2 * chunkSize)
    const { taskId, piece } = await begin(bytes)
    const path = `/api/files/upload/chunk/${taskId}/0`
    await Promise.all(
      Array.from({ length: 150 }, async (_, nth) => {
        const held = holdRequest(client, nth % 2 === 0 ? 'PUT' : 'POST', path, {
          'content-type': nth % 2 === 0 ? 'application/octet-stream' : 'multipart/form-data; boundary=cut',
          'content-length': chunkSize,
        })
        await held.send(randomBytes(nth)).catch(() => {})
        held.cut()
      }),
    )
    await until(async () => ((await leases(taskId)).length === 0 ? true : undefined))
    expect(
      await until(async () => {
        const answer = await client.putChunk(taskId, 0, piece(0))
        return answer.status === 423 ? undefined : answer.status
      }),
    ).toBe(200)
    await expectFile(taskId, bytes)
  })
})
