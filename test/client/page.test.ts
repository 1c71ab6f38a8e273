import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { Worker as Thread } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, expect, inject, test, vi } from 'vitest'
import { createClient } from '../../src/client/browser.ts'
import { type FaultyStore, startFaultyStore } from '../support/faulty-store.ts'
import { s3PoolAt } from '../support/s3-pool.ts'
import { describeWithS3, openS3Place } from '../support/s3-store.ts'
import { sdkUser } from '../support/sdk.ts'
import { openStage, type Stage } from '../support/stage.ts'

let stage: Stage
let network: FaultyStore
let store: FaultyStore
const s3PoolId = randomUUID()
const kiB = 1024

beforeAll(async () => {
  stage = await openStage({ env: await s3Env() })
  network = await startFaultyStore(stage.system.urls[0] ?? '')
})
afterEach(() => vi.unstubAllGlobals())
afterAll(() => stage.close())

/** A pool in a store that clients reach by a network which can be told to break. */
async function s3Env(): Promise<Record<string, string>> {
  if (inject('s3StoreUrl') === undefined) return {}
  const place = await openS3Place()
  store = await startFaultyStore(place.endpoint)
  const { settings, env } = s3PoolAt(place, { direct: { downloads: true, endpoint: store.endpoint } })
  return { STORAGE_POOLS: JSON.stringify([{ id: s3PoolId, name: 'S3', kind: 's3', settings }]), ...env }
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const contentOf = async (blob: Blob): Promise<string> => sha256(new Uint8Array(await blob.arrayBuffer()))
const puts = (of: FaultyStore): number => of.takeRequests().filter((line) => line.startsWith('PUT ')).length

/** What a page has and Node has not: a store of its own, and workers, of which each runs the built file. */
function stubPage(): { kept: Map<string, string>; workers: string[] } {
  const kept = new Map<string, string>()
  const workers: string[] = []
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  })
  class PageWorker {
    readonly #thread: Thread
    constructor(url: URL) {
      workers.push(url.pathname)
      const file = url.href.replace('/src/client/', '/dist/src/client/')
      const scope = `globalThis.self = {
        addEventListener: (_type, listen) => require('node:worker_threads').parentPort.on('message', (data) => listen({ data })),
        postMessage: (message) => require('node:worker_threads').parentPort.postMessage(message),
      }
      void import(${JSON.stringify(file)})`
      this.#thread = new Thread(scope, { eval: true })
    }
    addEventListener(type: string, listen: (event: { data: unknown }) => void): void {
      this.#thread.on(type, (data: unknown) => listen({ data }))
    }
    postMessage(message: unknown): void {
      this.#thread.postMessage(message)
    }
    terminate(): void {
      void this.#thread.terminate()
    }
  }
  vi.stubGlobal('Worker', PageWorker)
  return { kept, workers }
}

test('a page hashes in a worker, notes what it sends, and goes on with it when it is loaded again', async () => {
  const { kept, workers } = stubPage()
  const { token } = await sdkUser()
  const page = () => createClient({ url: network.endpoint, token })
  const bytes = randomBytes(1000 * kiB)
  const file = new File([bytes], 'page.bin', { lastModified: 1_700_000_000_000 })
  const closed = new AbortController()
  const fourth = network.inject(
    { method: 'PUT', path: '/3' },
    { kind: 'answer', status: 503, body: '', reached: false },
  )
  const begun = page().upload(file, { chunkSize: 100 * kiB, parallel: 1, signal: closed.signal })
  await fourth.next()
  closed.abort()
  await expect(begun).rejects.toMatchObject({ name: 'AbortError' })
  expect(workers).toHaveLength(1)
  expect(kept.size).toBe(1)
  fourth.end()
  network.takeRequests()
  const resumed = page().upload(file)
  const made = await resumed
  expect(resumed.state()).toMatchObject({ isResumed: true, taskId: begun.state().taskId })
  expect(made.hash).toBe(sha256(bytes))
  expect(puts(network)).toBe(7)
  expect(workers).toHaveLength(1)
  expect(kept.size).toBe(0)
  expect(await contentOf(await page().files.download(made.id))).toBe(made.hash)
})

test('where no worker starts and nothing can be noted, the page hashes by itself', async () => {
  const { token } = await sdkUser()
  const bytes = randomBytes(300 * kiB)
  const made = await createClient({ url: network.endpoint, token }).upload(new Blob([bytes]).stream(), {
    fileName: 'streamed.bin',
  })
  expect(made).toMatchObject({ name: 'streamed.bin', hash: sha256(bytes) })
})

test('a token for uploads alone is enough to upload with, and to hold it', async () => {
  const owner = (await sdkUser()).open(network.endpoint)
  const bundle = await owner.bundles.create({ name: 'Inbox' })
  const { token, id } = await owner.tokens.create({ bundleId: bundle.id, maxBytes: 1000 * kiB })
  const guest = createClient({ url: network.endpoint, token, resumeStore: undefined })
  const upload = guest.upload(new Blob([randomBytes(500 * kiB)]), { bundleId: bundle.id, chunkSize: 100 * kiB })
  await upload.pause()
  expect(upload.state().isPaused).toBe(true)
  await upload.resume()
  expect(await upload).toMatchObject({ bundleId: bundle.id })
  expect((await owner.files.list({ bundleId: bundle.id })).total).toBe(1)
  await owner.tokens.delete(id)
  expect(await owner.tokens.list()).toEqual([])
})

test('what another account has need not be sent, where the pool allows that and the bytes are shown to be here', async () => {
  const admin = (await sdkUser({ admin: true })).open(network.endpoint)
  const pool = (await admin.admin.pools()).find(({ isDefault }) => isDefault)
  await admin.admin.changePool(pool?.id ?? '', { policy: { instantAcrossAccounts: true } })
  const bytes = randomBytes(700 * kiB)
  const [one, other] = [await sdkUser(), await sdkUser()]
  const first = await one.open(network.endpoint).upload(bytes, { fileName: 'shared' })
  network.takeRequests()
  const second = await other.open(network.endpoint).upload(bytes, { fileName: 'shared' })
  expect(second.hash).toBe(first.hash)
  expect(puts(network)).toBe(0)
})

describeWithS3('straight to the store', () => {
  const send = async (bytes: Uint8Array) => {
    const client = (await sdkUser()).open(network.endpoint)
    network.takeRequests()
    store.takeRequests()
    const file = await client.upload(bytes, { poolId: s3PoolId })
    return { client, file }
  }

  test('chunks go there, and files come from there', async () => {
    const bytes = randomBytes(11_000 * kiB)
    const { client, file } = await send(bytes)
    expect(file.hash).toBe(sha256(bytes))
    expect([puts(network), puts(store)]).toEqual([0, 3])
    expect(await contentOf(await client.files.download(file.id))).toBe(file.hash)
    expect(store.takeRequests().filter((line) => line.startsWith('GET '))).toHaveLength(1)
  })

  test('a store that the client cannot use is given up, and the API takes the chunks', async () => {
    const refusing = store.inject({ method: 'PUT' }, { kind: 'answer', status: 403, body: 'no', reached: false })
    const bytes = randomBytes(11_000 * kiB)
    const { file } = await send(bytes)
    refusing.end()
    expect(file.hash).toBe(sha256(bytes))
    expect(puts(network)).toBe(3)
  })

  test('what was on its way there when a program ended is found again by the next one', async () => {
    const user = await sdkUser()
    const bytes = randomBytes(26_000 * kiB)
    const stop = new AbortController()
    const begun = user.open(network.endpoint).upload(bytes, {
      poolId: s3PoolId,
      parallel: 1,
      signal: stop.signal,
      onProgress: ({ phase, loadedBytes }) => phase === 'uploading' && loadedBytes > 0 && stop.abort(),
    })
    await expect(begun).rejects.toMatchObject({ name: 'AbortError' })
    const resumed = user.open(network.endpoint).upload(bytes, { poolId: s3PoolId })
    expect((await resumed).hash).toBe(sha256(bytes))
    expect(resumed.state()).toMatchObject({ isResumed: true, taskId: begun.state().taskId })
  })
})
