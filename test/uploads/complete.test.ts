import { randomBytes } from 'node:crypto'
import { open } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sha256, type TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

const chunkSize = 1000

describe('completing an upload', () => {
  let stage: Stage
  let client: TestClient

  beforeAll(async () => {
    stage = await openStage()
    client = await stage.client()
  })
  afterAll(() => stage.close())

  /** An upload whose chunks are there, less those left out. */
  async function send(bytes: Buffer, left: { out?: number[]; hash?: string } = {}): Promise<string> {
    const fields = { chunkSize, ...(left.hash === undefined ? {} : { hash: left.hash }) }
    const { body } = await client.create(bytes, fields)
    const taskId = String(body['taskId'])
    for (let index = 0; index < Number(body['chunksCount']); index++) {
      if (!left.out?.includes(index)) await client.putChunk(taskId, index, piece(bytes, index))
    }
    return taskId
  }

  function piece(bytes: Buffer, index: number): Buffer {
    return bytes.subarray(index * chunkSize, (index + 1) * chunkSize)
  }

  /** Changes one byte of the staging file, as a bad disk would. */
  async function damage(taskId: string, atByte: number, bytes: Buffer): Promise<void> {
    const handle = await open((await stage.stagingPath(taskId)) ?? 'no staging file', 'r+')
    await handle.write(Buffer.from([bytes.readUInt8(atByte) ^ 0xff]), 0, 1, atByte)
    await handle.close()
  }

  it('lists the chunks that are missing, and goes on when they have come', async () => {
    const bytes = randomBytes(5 * chunkSize)
    const taskId = await send(bytes, { out: [1, 4] })
    expect(await client.complete(taskId)).toMatchObject({
      status: 409,
      body: { code: 'CHUNKS_MISSING', details: { taskId, missingChunks: [1, 4], chunksCount: 5 } },
    })
    for (const index of [1, 4]) await client.putChunk(taskId, index, piece(bytes, index))
    const file = await client.complete(taskId)
    expect(file.status).toBe(200)
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
  })

  it('goes by a copy when a replica that may lack leases has taken the ledger over', async () => {
    const ids = [await send(randomBytes(2 * chunkSize)), await send(randomBytes(chunkSize))]
    await stage.sql`update uploads set wal_timeline = wal_timeline - 1 where task_id = ${ids[0] ?? ''}`
    for (const id of ids) expect(await client.complete(id)).toMatchObject({ status: 200 })
    const rows = await stage.sql`select task_id from uploads where tainted and task_id in ${stage.sql(ids)}`
    expect(rows).toEqual([{ taskId: ids[0] }])
  })

  it('opens exactly the damaged chunks again, and is right once they were sent again', async () => {
    const bytes = randomBytes(7 * chunkSize + 300)
    const taskId = await send(bytes)
    for (const atByte of [2 * chunkSize, 2 * chunkSize + 5, 5 * chunkSize - 1, 7 * chunkSize + 299]) {
      await damage(taskId, atByte, bytes)
    }
    const damaged = { status: 409, body: { code: 'CHUNKS_DAMAGED', details: { missingChunks: [2, 4, 7] } } }
    expect(await client.complete(taskId)).toMatchObject(damaged)
    // Asking again neither forgets nor repairs anything.
    expect(await client.complete(taskId)).toMatchObject(damaged)
    const { body: state } = await client.call('GET', `/api/files/upload/resume/${taskId}`)
    expect(state).toMatchObject({
      uploadedChunks: [0, 1, 3, 5, 6],
      chunksUploaded: 5,
      status: 'InProgress',
      phase: 'receiving',
    })

    expect(await client.putChunk(taskId, 3, piece(bytes, 3))).toMatchObject({ status: 409 })
    for (const index of [2, 4])
      expect(await client.putChunk(taskId, index, piece(bytes, index))).toMatchObject({ status: 200 })
    expect(await client.complete(taskId)).toMatchObject({
      status: 409,
      body: { code: 'CHUNKS_DAMAGED', details: { missingChunks: [7] } },
    })
    expect(await client.postChunk(taskId, 7, piece(bytes, 7))).toMatchObject({ status: 200 })
    const file = await client.complete(taskId)
    expect(file).toMatchObject({ status: 200, body: { hash: sha256(bytes) } })
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
    expect(await stage.eventTypes(taskId)).toEqual(['task.created', 'task.started', 'task.started', 'upload.completed'])
    expect(await stage.stagingPath(taskId)).toBeUndefined()
  })

  it('can be damaged twice and still ends right', async () => {
    const bytes = randomBytes(3 * chunkSize)
    const taskId = await send(bytes)
    for (const index of [1, 2]) {
      await damage(taskId, index * chunkSize, bytes)
      expect(await client.complete(taskId)).toMatchObject({
        status: 409,
        body: { code: 'CHUNKS_DAMAGED', details: { missingChunks: [index] } },
      })
      expect(await client.putChunk(taskId, index, piece(bytes, index))).toMatchObject({ status: 200 })
    }
    const file = await client.complete(taskId)
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
  })

  it('fails for good when every chunk is sound and the declared hash is not theirs', async () => {
    const bytes = randomBytes(2 * chunkSize)
    const taskId = await send(bytes, { hash: sha256(Buffer.from('something else')) })
    const wrong = { status: 422, body: { code: 'HASH_MISMATCH', message: expect.stringContaining('declared') } }
    expect(await client.complete(taskId)).toMatchObject(wrong)
    expect(await client.complete(taskId)).toMatchObject(wrong)
    const { body: state } = await client.call('GET', `/api/files/upload/resume/${taskId}`)
    expect(state).toMatchObject({ status: 'Failed', fileId: null, errorMessage: expect.stringContaining('declared') })
    expect(await client.putChunk(taskId, 0, piece(bytes, 0))).toMatchObject({
      status: 410,
      body: { code: 'UPLOAD_ENDED' },
    })
    expect(await stage.eventTypes(taskId)).toEqual(['task.created', 'task.started', 'upload.failed'])
    const [event] = await stage.sql`select data from task_events where task_id = ${taskId} and type = 'upload.failed'`
    expect(event?.['data']).toMatchObject({
      taskId,
      fileName: 'sample.bin',
      fileSize: 2000,
      failedAt: expect.any(String),
      errorMessage: expect.stringContaining('declared'),
    })
    expect(await stage.sql`select 1 from files where account_id = ${client.account} and name = ${taskId}`).toEqual([])
  })

  it('frees the staging of a failed upload at the latest with the sweep', async () => {
    const taskId = await send(randomBytes(chunkSize), { hash: sha256(Buffer.from('other')) })
    await client.complete(taskId)
    await stage.sql`update tasks set completed_at = now() - interval '2 minutes' where id = ${taskId}`
    await stage.system.changeWorkers()
    const isOpen = () => stage.sql`select 1 from uploads where task_id = ${taskId} and sink_open`
    await until(async () => ((await isOpen()).length === 0 ? true : undefined))
    expect(await stage.stagingPath(taskId)).toBeUndefined()
  })

  it('asked for many times at once and again later gives one file, one object and one event', async () => {
    const bytes = randomBytes(4 * chunkSize)
    const taskId = await send(bytes)
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.complete(taskId)))
    answers.push(await client.complete(taskId))
    const [first] = answers
    expect(first).toMatchObject({ status: 200, body: { id: expect.any(String) } })
    for (const { status, body } of answers) expect({ status, body }).toEqual({ status: 200, body: first?.body })
    expect(await stage.sql`select 1 from objects where sha256 = ${Buffer.from(sha256(bytes), 'hex')}`).toHaveLength(1)
    expect(
      await stage.sql`select 1 from files where account_id = ${client.account} and id = ${String(first?.body['id'])}`,
    ).toHaveLength(1)
    expect(await stage.eventTypes(taskId)).toEqual(['task.created', 'task.started', 'upload.completed'])
    expect(await client.putChunk(taskId, 0, piece(bytes, 0))).toMatchObject({
      status: 409,
      body: { code: 'CHUNK_ALREADY_UPLOADED' },
    })
  })

  it('shows a completed upload whole', async () => {
    const bytes = randomBytes(3 * chunkSize)
    const taskId = await send(bytes)
    const file = await client.complete(taskId)
    expect((await client.call('GET', `/api/files/upload/resume/${taskId}`)).body).toMatchObject({
      uploadedChunks: [0, 1, 2],
      chunksUploaded: 3,
      progress: 100,
      status: 'Completed',
      phase: 'done',
      fileId: file.body['id'],
    })
    expect((await client.call('GET', `/api/files/upload/progress/${taskId}`)).body).toMatchObject({
      chunksUploaded: 3,
      chunksTotal: 3,
      progress: 100,
      status: 'Completed',
    })
  })

  it('does not wait when the caller prefers not to, and says where to look', async () => {
    const bytes = randomBytes(chunkSize)
    const taskId = await send(bytes)
    const accepted = await client.complete(taskId, { prefer: 'respond-async' })
    expect(accepted).toMatchObject({ status: 202, body: { taskId, phase: 'finishing', fileId: null } })
    const location = accepted.headers.get('location') ?? ''
    expect(location).toBe(`/api/files/upload/resume/${taskId}`)
    const state = await until(async () => {
      const { body } = await client.call('GET', location)
      return body['status'] === 'Completed' ? body : undefined
    })
    expect((await client.download(state['fileId'])).equals(bytes)).toBe(true)
  })

  it('under /drive names a place under /drive', async () => {
    const taskId = await send(randomBytes(chunkSize))
    const path = `/drive/files/upload/complete/${taskId}`
    const accepted = await client.call('POST', path, { headers: { prefer: 'respond-async' } })
    expect(accepted.headers.get('location')).toBe(`/drive/files/upload/resume/${taskId}`)
  })
})

describe('completing an upload while no worker is there', () => {
  let stage: Stage

  beforeAll(async () => {
    stage = await openStage({ workers: 0 })
  })
  afterAll(() => stage.close())

  it('asks for a worker once when it is asked for twice at the same moment', async () => {
    const client = await stage.client()
    const bytes = randomBytes(10)
    const taskId = String((await client.create(bytes)).body['taskId'])
    await client.putChunk(taskId, 0, bytes)
    let both: Promise<unknown> = Promise.resolve()
    await stage.sql.begin(async (query) => {
      await query`select 1 from tasks where id = ${taskId} for update`
      both = Promise.all([1, 2].map(() => client.complete(taskId, { prefer: 'wait=0' })))
      await until(async () => {
        const rows = await stage.sql`
          select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
        return rows.length >= 2 ? true : undefined
      })
    })
    expect(await both).toMatchObject([{ status: 202 }, { status: 202 }])
    expect(await stage.sql`select dispatch from tasks where id = ${taskId}`).toEqual([{ dispatch: 1 }])
  })

  it('waits as long as the caller prefers, then answers 202; a worker that comes later finishes it', async () => {
    const client = await stage.client()
    const bytes = randomBytes(10)
    const { taskId } = (await client.create(bytes)).body
    await client.putChunk(String(taskId), 0, bytes)
    const askedAt = Date.now()
    expect(await client.complete(String(taskId), { prefer: 'wait=1' })).toMatchObject({ status: 202 })
    const waitedMs = Date.now() - askedAt
    expect(waitedMs).toBeGreaterThanOrEqual(900)
    expect(waitedMs).toBeLessThan(5000)

    const waiting = client.complete(String(taskId), { prefer: 'wait=20' })
    await stage.system.startWorker()
    const file = await waiting
    expect(file.status).toBe(200)
    expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
  })
})
