import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client, UploadState } from '../../src/client/node.ts'
import { type FaultyStore, startFaultyStore } from '../support/faulty-store.ts'
import { type SdkUser, sdkUser } from '../support/sdk.ts'
import { openStage, type Stage } from '../support/stage.ts'

let stage: Stage
let network: FaultyStore
let user: SdkUser
let client: Client
const kiB = 1024

beforeAll(async () => {
  stage = await openStage()
  network = await startFaultyStore(stage.system.urls[0] ?? '')
  user = await sdkUser()
  client = user.open(network.endpoint)
})
afterAll(() => stage.close())

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const chunkPuts = (): string[] =>
  network.takeRequests().filter((line) => line.startsWith('PUT /api/files/upload/chunk/'))
async function makeFile(name: string, sizeBytes: number): Promise<{ path: string; bytes: Buffer }> {
  const bytes = randomBytes(sizeBytes)
  const path = join(user.folder, name)
  await writeFile(path, bytes)
  return { path, bytes }
}

/** The SHA-256 of what a file has, fetched past the network. */
async function contentOf(fileId: string): Promise<string> {
  const blob = await user.open(stage.system.urls[0] ?? '').files.download(fileId)
  return sha256(new Uint8Array(await blob.arrayBuffer()))
}

test('a file goes up in chunks, tells how far it is, and a second one with its bytes is there at once', async () => {
  const { path, bytes } = await makeFile('film.mp4', 1000 * kiB + 5)
  const told: UploadState[] = []
  network.takeRequests()
  const upload = client.upload(path, {
    chunkSize: 100 * kiB,
    contentType: 'video/mp4',
    onProgress: (state) => told.push(state),
  })
  const file = await upload
  expect(file).toMatchObject({ name: 'film.mp4', size: bytes.length, contentType: 'video/mp4', hash: sha256(bytes) })
  expect(await contentOf(file.id)).toBe(sha256(bytes))
  expect(chunkPuts()).toHaveLength(11)
  expect([...new Set(told.map(({ phase }) => phase))]).toEqual(['hashing', 'uploading', 'finishing', 'done'])
  const loaded = told.filter(({ phase }) => phase === 'uploading').map(({ loadedBytes }) => loadedBytes)
  expect(loaded).toEqual([...loaded].sort((a, b) => a - b))
  expect(upload.state()).toMatchObject({ phase: 'done', percent: 100, secondsLeft: 0, isResumed: false })

  const again = await client.upload(new File([bytes], 'copy.mp4'))
  expect(again).toMatchObject({ name: 'copy.mp4', hash: file.hash })
  expect(again.id).not.toBe(file.id)
  expect(chunkPuts()).toHaveLength(0)
})

test('what was broken off is gone on with by another client, which sends what is missing and reads the file no second time', async () => {
  const { path, bytes } = await makeFile('broken.bin', 1000 * kiB)
  const breaking = new AbortController()
  const fourth = network.inject(
    { method: 'PUT', path: '/3' },
    { kind: 'answer', status: 503, body: '', reached: false },
  )
  const begun = client.upload(path, {
    chunkSize: 100 * kiB,
    parallel: 1,
    signal: breaking.signal,
  })
  await fourth.next()
  breaking.abort()
  await expect(begun).rejects.toMatchObject({ name: 'AbortError' })
  fourth.end()
  const { taskId } = begun.state()
  expect(await client.uploads.get(String(taskId))).toMatchObject({ uploadedChunks: [0, 1, 2] })
  network.takeRequests()

  const read: number[] = []
  const other = user.open(network.endpoint)
  const resumed = other.upload(path, {
    onProgress: ({ phase, loadedBytes }) => phase === 'hashing' && read.push(loadedBytes),
  })
  const file = await resumed
  expect(resumed.state()).toMatchObject({ taskId, isResumed: true })
  expect(chunkPuts()).toHaveLength(7)
  expect(read).toEqual([0])
  expect(await contentOf(file.id)).toBe(sha256(bytes))
  expect(await readdir(join(user.folder, 'notes'))).toEqual([])
})

test('a key of the caller finds an upload again whatever its file is called by then; other bytes are another upload', async () => {
  const bytes = randomBytes(500 * kiB)
  const stop = new AbortController()
  const begun = client.upload(new File([bytes], 'a'), {
    fileName: 'kept',
    resumeKey: 'nightly',
    chunkSize: 100 * kiB,
    signal: stop.signal,
    onProgress: ({ phase }) => phase === 'uploading' && stop.abort(new Error('enough')),
  })
  await expect(begun).rejects.toThrow('enough')
  const other = client.upload(new File([randomBytes(500 * kiB)], 'b'), { fileName: 'kept', resumeKey: 'nightly' })
  expect((await other).id).toBeTruthy()
  expect(other.state().taskId).not.toBe(begun.state().taskId)
})

test('resets, refusals, lost answers and silence cost time and nothing else', async () => {
  const { path, bytes } = await makeFile('faulty.bin', 1200 * kiB)
  const put = { method: 'PUT' }
  network.inject({ method: 'POST', path: '/create' }, { kind: 'answer', status: 502, body: 'lost', reached: true }, 1)
  network.inject(put, { kind: 'reset request', afterBytes: 10 * kiB }, 3)
  // It has arrived, and nobody learns of it: sent again it is answered 409, which means that it is there.
  network.inject(put, { kind: 'answer', status: 502, body: '<html>', reached: true }, 2)
  network.inject(put, { kind: 'answer', status: 503, body: '{"code":"STORAGE_UNAVAILABLE"}', reached: false }, 2)
  network.inject({ path: '/complete' }, { kind: 'cut answer', afterBytes: 5, by: 'reset' }, 1)
  const file = await client.upload(path, { chunkSize: 100 * kiB })
  expect(await contentOf(file.id)).toBe(sha256(bytes))
  // What the test before left; the answer to `create` that was lost made no second upload.
  const { total } = await client.uploads.list({ status: 'InProgress' })
  expect(total).toBe(1)
})

test('no more chunks are under way than was asked for, and as many', async () => {
  const { path } = await makeFile('parallel.bin', 1500 * kiB)
  let underWay = 0
  let most = 0
  const counted = user.open(stage.system.urls[0] ?? '', {
    fetch: async (address, init) => {
      const isChunk = address.includes('/chunk/')
      if (isChunk) most = Math.max(most, ++underWay)
      try {
        return await fetch(address, init)
      } finally {
        if (isChunk) underWay--
      }
    },
  })
  await counted.upload(path, { chunkSize: 100 * kiB, parallel: 3 })
  expect(most).toBe(3)
})

test('an upload is paused and resumed on both sides, and by somebody else', async () => {
  const { path, bytes } = await makeFile('paused.bin', 800 * kiB)
  const pausing: Promise<void>[] = []
  const upload = client.upload(path, {
    chunkSize: 100 * kiB,
    parallel: 1,
    onProgress: ({ phase, loadedBytes }) => {
      if (phase === 'uploading' && loadedBytes >= 200 * kiB && pausing.length === 0) pausing.push(upload.pause())
    },
  })
  await expect.poll(() => pausing).toHaveLength(1)
  await pausing[0]
  const taskId = String(upload.state().taskId)
  expect(upload.state()).toMatchObject({ isPaused: true })
  expect(await client.uploads.get(taskId)).toMatchObject({ status: 'Paused' })
  await client.tasks.resume(taskId)
  await client.tasks.pause(taskId)
  await upload.resume()
  const file = await upload
  expect(await contentOf(file.id)).toBe(sha256(bytes))
})

test('a cancelled upload is cancelled on the server, and not gone on with', async () => {
  const { path } = await makeFile('cancelled.bin', 500 * kiB)
  const upload = client.upload(path, {
    chunkSize: 100 * kiB,
    parallel: 1,
    onProgress: ({ phase, loadedBytes }) => phase === 'uploading' && loadedBytes > 0 && void upload.cancel(),
  })
  await expect(upload).rejects.toMatchObject({ code: 'UPLOAD_CANCELLED' })
  const { taskId } = upload.state()
  await expect.poll(async () => (await client.tasks.get(String(taskId))).status).toBe('Cancelled')
  const anew = client.upload(path, { chunkSize: 100 * kiB })
  await anew
  expect(anew.state().taskId).not.toBe(taskId)
})

test('a stream is written down first, bytes go as they are, and what changes meanwhile is refused', async () => {
  const bytes = randomBytes(300 * kiB)
  const streamed = await client.upload(Readable.from([bytes.subarray(0, 1000), bytes.subarray(1000)]), {
    fileName: 'streamed.bin',
    expiredAt: new Date(Date.now() + 3_600_000),
  })
  expect(streamed).toMatchObject({ name: 'streamed.bin', size: bytes.length, hash: sha256(bytes) })
  expect(streamed.expiredAt).not.toBeNull()
  expect(await client.upload(new Uint8Array(0), { fileName: 'empty' })).toMatchObject({ size: 0, name: 'empty' })

  const { path } = await makeFile('shrinks.bin', 500 * kiB)
  const shrinking = client.upload(path, {
    chunkSize: 100 * kiB,
    parallel: 1,
    onProgress: ({ phase }) => phase === 'uploading' && void truncate(path, 150 * kiB),
  })
  await expect(shrinking).rejects.toMatchObject({ code: 'SOURCE_CHANGED' })
  await expect(client.upload(join(user.folder, 'nowhere'))).rejects.toMatchObject({ code: 'SOURCE_UNREADABLE' })
})

test('a refusal says what is wrong, with which field, and by which name the server knows the request', async () => {
  await expect(client.upload(new Uint8Array(5), { contentType: 'nonsense' })).rejects.toMatchObject({
    name: 'LongshoreError',
    code: 'VALIDATION_FAILED',
    status: 400,
    field: 'contentType',
    requestId: expect.stringMatching(/^[\w.:-]+$/),
  })
  const stranger = await sdkUser()
  const file = await client.upload(new Uint8Array(7))
  await expect(stranger.open(network.endpoint).files.get(file.id)).rejects.toMatchObject({
    code: 'FILE_NOT_FOUND',
    status: 404,
  })
})

test('a download goes on where it was cut, and what is not the file is never taken for it', async () => {
  const { path, bytes } = await makeFile('down.bin', 900 * kiB)
  const file = await client.upload(path)
  network.inject({ path: '/content' }, { kind: 'cut answer', afterBytes: 300 * kiB, by: 'reset' }, 2)
  network.takeRequests()
  const loaded: number[] = []
  const blob = await client.files.download(file.id, { onProgress: ({ loadedBytes }) => loaded.push(loadedBytes) })
  expect(sha256(new Uint8Array(await blob.arrayBuffer()))).toBe(sha256(bytes))
  expect(network.takeRequests().filter((line) => line.endsWith('/content'))).toHaveLength(3)
  expect(loaded.at(-1)).toBe(bytes.length)

  const target = join(user.folder, 'target.bin')
  const stop = new AbortController()
  const broken = client.files.downloadTo(file.id, target, {
    signal: stop.signal,
    onProgress: ({ loadedBytes }) => loadedBytes > 200 * kiB && stop.abort(),
  })
  await expect(broken).rejects.toMatchObject({ name: 'AbortError' })
  const begunAt: number[] = []
  await client.files.downloadTo(file.id, target, { onProgress: ({ loadedBytes }) => begunAt.push(loadedBytes) })
  expect(begunAt[0]).toBeGreaterThan(200 * kiB)
  expect(sha256(await readFile(target))).toBe(sha256(bytes))

  network.inject({ path: '/content' }, { kind: 'answer', status: 200, body: 'x'.repeat(file.size), reached: false }, 2)
  await expect(client.files.download(file.id)).rejects.toMatchObject({ code: 'DOWNLOAD_DAMAGED' })
  const other = join(user.folder, 'other.bin')
  await expect(client.files.downloadTo(file.id, other)).rejects.toMatchObject({ code: 'DOWNLOAD_DAMAGED' })
  expect(await readdir(user.folder)).not.toContain('other.bin')
})
