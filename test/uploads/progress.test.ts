import { randomBytes } from 'node:crypto'
import { io, type Socket } from 'socket.io-client'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { sha256, type TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'
import { until } from '../support/system.ts'

type Heard = { type: string; data: Record<string, unknown> }

describe('watching an upload', () => {
  let stage: Stage
  const sockets: Socket[] = []

  beforeAll(async () => {
    stage = await openStage({ apis: 2 })
  })
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.disconnect()
  })
  afterAll(() => stage.close())

  /** Connects to one API process and writes down what it hears. */
  async function listen(client: TestClient, api = 0): Promise<{ socket: Socket; heard: Heard[] }> {
    const socket = io(stage.system.urls[api] ?? '', { auth: { token: client.token }, transports: ['websocket'] })
    sockets.push(socket)
    const heard: Heard[] = []
    socket.onAny((type: string, data: Record<string, unknown>) => heard.push({ type, data }))
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('connect_error', reject)
    })
    return { socket, heard }
  }

  function of(heard: Heard[], taskId: string, type: string): Record<string, unknown>[] {
    return heard.filter((one) => one.type === type && one.data['taskId'] === taskId).map((one) => one.data)
  }

  it('is told of every 5 %, at the end of 100, and of the file, also at the process that took no chunk', async () => {
    const client = await stage.client()
    const here = await listen(client)
    const there = await listen(client, 1)
    const bytes = randomBytes(40_000)
    const { taskId } = (await client.create(bytes, { chunkSize: 1000, fileName: 'film.mp4' })).body
    const id = String(taskId)
    for (let index = 0; index < 40; index++) {
      await client.putChunk(id, index, bytes.subarray(index * 1000, (index + 1) * 1000))
    }
    const file = await client.complete(id)
    for (const { heard } of [here, there]) {
      const [completed] = await until(async () => {
        const found = of(heard, id, 'upload.completed')
        return found.length > 0 ? found : undefined
      })
      expect(completed).toEqual({
        taskId: id,
        fileId: file.body['id'],
        fileName: 'film.mp4',
        fileSize: 40_000,
        completedAt: expect.any(String),
        seq: 3,
      })
      const told = of(heard, id, 'upload.progress')
      const steps = told.map((one) => Number(one['progress']))
      // The last one is told with the end, also to whoever was told of 100 % while the upload was still being finished.
      const before = steps.slice(0, -1)
      expect(before).toEqual([...new Set(before)].sort((a, b) => a - b))
      expect(told.map((one) => one['status'])).toEqual([...before.map(() => 'InProgress'), 'Completed'])
      expect(steps.at(-1)).toBe(100)
      expect(steps.length).toBeGreaterThanOrEqual(3)
      expect(steps.length).toBeLessThanOrEqual(40)
      for (const one of told) {
        expect(one).toEqual({
          taskId: id,
          fileName: 'film.mp4',
          fileSize: 40_000,
          chunksUploaded: (Number(one['progress']) * 40) / 100,
          chunksTotal: 40,
          progress: expect.any(Number),
          status: expect.stringMatching(/^(InProgress|Completed)$/),
          lastActivity: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        })
      }
      expect(of(heard, id, 'task.created')).toMatchObject([{ seq: 1, type: 'FileUpload', name: 'film.mp4' }])
    }
  })

  it('is told after a second of what is less than 5 %', async () => {
    const client = await stage.client()
    const { heard } = await listen(client)
    const bytes = randomBytes(1000)
    const id = String((await client.create(bytes, { chunkSize: 10 })).body['taskId'])
    const told = () => of(heard, id, 'upload.progress').map((one) => one['progress'])
    for (const percent of [1, 2, 3]) {
      await client.putChunk(id, percent - 1, bytes.subarray(0, 10))
      const sentAt = performance.now()
      await until(async () => told().includes(percent) || undefined)
      expect(performance.now() - sentAt).toBeLessThan(3000)
    }
    expect(told()).toEqual([1, 2, 3])
  })

  it('is told of a failure', async () => {
    const client = await stage.client()
    const { heard } = await listen(client)
    const bytes = randomBytes(10)
    const { taskId } = (await client.create(bytes, { hash: sha256(Buffer.from('other')) })).body
    await client.putChunk(String(taskId), 0, bytes)
    await client.complete(String(taskId))
    const [failed] = await until(async () => {
      const found = of(heard, String(taskId), 'upload.failed')
      return found.length > 0 ? found : undefined
    })
    expect(failed).toEqual({
      taskId,
      fileName: 'sample.bin',
      fileSize: 10,
      failedAt: expect.any(String),
      errorMessage: expect.stringContaining('declared'),
      seq: 3,
    })
  })

  it('is nothing for another account, in no room', async () => {
    const [owner, stranger] = [await stage.client(), await stage.client()]
    const spy = await listen(stranger)
    const bytes = randomBytes(10)
    const { taskId } = (await owner.create(bytes)).body
    const refused: unknown = await spy.socket.timeout(5000).emitWithAck('subscribe', { room: `task:${String(taskId)}` })
    expect(refused).toMatchObject({ code: 'TASK_NOT_FOUND', status: 404 })
    const watching = await listen(owner)
    await owner.putChunk(String(taskId), 0, bytes)
    await owner.complete(String(taskId))
    await until(async () => (of(watching.heard, String(taskId), 'upload.completed').length > 0 ? true : undefined))
    // What the stranger would hear came before this answer, for both sockets are served by the same process.
    await spy.socket.timeout(5000).emitWithAck('unsubscribe', { room: `task:${String(taskId)}` })
    expect(spy.heard.filter(({ type }) => type !== 'subscribed')).toEqual([])
  })

  it('can be asked for at any time', async () => {
    const client = await stage.client()
    const bytes = randomBytes(3000)
    const { taskId } = (await client.create(bytes, { chunkSize: 1000, fileName: 'a.txt' })).body
    await client.putChunk(String(taskId), 2, bytes.subarray(2000))
    expect((await client.call('GET', `/api/files/upload/progress/${String(taskId)}`)).body).toEqual({
      taskId,
      fileName: 'a.txt',
      fileSize: 3000,
      chunksUploaded: 1,
      chunksTotal: 3,
      progress: 33.3,
      status: 'InProgress',
      lastActivity: expect.any(String),
    })
  })
})
