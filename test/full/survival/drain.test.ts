import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { io } from 'socket.io-client'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { packageRoot } from '../../../src/package-root.ts'
import { chunksOf, clientOf, type TestClient } from '../../support/client.ts'
import { holdRequest } from '../../support/held-request.ts'
import { expectOneFile, patternOf, untilClaimed, untilCompleted } from '../../support/outcome.ts'
import type { TestProcess } from '../../support/process.ts'
import { openStage, type Stage } from '../../support/stage.ts'
import { until } from '../../support/system.ts'

/** What was promised to whoever stops a process. */
const stoppedWithinMs = 10_000
const megabyte = 1_000_000

describe('a process that is told to stop', { timeout: 120_000 }, () => {
  let stage: Stage
  let other: TestClient
  const bytes = randomBytes(3 * megabyte)

  beforeAll(async () => {
    const slowDisk = pathToFileURL(join(packageRoot(), 'test', 'support', 'slow-disk.mjs'))
    stage = await openStage({ workers: 0, env: { NODE_OPTIONS: `--import=${slowDisk}` } })
    other = await stage.client()
  })
  afterAll(() => stage.close())

  /** An upload of 3 MB in three chunks, its first one sent, at an API process of its own. */
  async function atOwnApi() {
    const { url, process: api } = await stage.system.startApi()
    const client = await clientOf(url, other.account)
    const { body } = await client.create(bytes, { chunkSize: megabyte })
    const taskId = String(body['taskId'])
    expect(await client.putChunk(taskId, 0, bytes.subarray(0, megabyte))).toMatchObject({ status: 200 })
    return { api, client, taskId }
  }

  it.each(['SIGTERM', 'SIGINT'] as const)('by %s lets an API process answer what it has begun', async (signal) => {
    const { api, client, taskId } = await atOwnApi()
    const waiting = await sendWhole(client)
    const pending = client.complete(waiting)
    await until(async () => ((await phaseOf(stage, waiting)) === 'finishing' ? true : undefined))
    const chunk = await beginChunk(stage, client, taskId, 1)

    api.kill(signal)
    const killedAt = Date.now()
    await until(async () => ((await isRefused(client.url)) ? true : undefined))
    expect(await pending).toMatchObject({ status: 202, body: { taskId: waiting, phase: 'finishing' } })
    await chunk.send(bytes.subarray(1.5 * megabyte, 2 * megabyte))
    chunk.end()
    expect(await chunk.answer).toMatchObject({ status: 200, body: { taskId, chunkIndex: 1 } })
    const answeredAt = Date.now()

    expect(await api.exited).toEqual({ code: 0, signal: null })
    expect(Date.now() - killedAt).toBeLessThan(stoppedWithinMs)
    expect(Date.now() - answeredAt, 'idle connections hold nobody up').toBeLessThan(3000)
    expect(await uploadedChunks(other, taskId)).toEqual([0, 1])
    await other.call('DELETE', `/api/files/upload/task/${waiting}`)
  })

  it('cuts a sender that never ends, and keeps nothing of its chunk', async () => {
    const { api, client, taskId } = await atOwnApi()
    const chunk = await beginChunk(stage, client, taskId, 1)
    api.kill('SIGTERM')
    await expectStopped(api)
    await expect(chunk.answer).rejects.toThrow('socket hang up')
    expect(await uploadedChunks(other, taskId)).toEqual([0])
    for (const index of [1, 2]) {
      const piece = bytes.subarray(index * megabyte, (index + 1) * megabyte)
      expect(await other.putChunk(taskId, index, piece)).toMatchObject({ status: 200 })
    }
  })

  it('lets Socket.IO clients go, and they come back to the process that follows', async () => {
    const { api, client } = await atOwnApi()
    const socket = io(client.url, { auth: { token: client.token }, forceNew: true })
    onTestFinished(() => void socket.disconnect())
    await new Promise<void>((resolve) => socket.once('connect', resolve))
    const gone = new Promise<string>((resolve) => socket.once('disconnect', resolve))
    api.kill('SIGTERM')
    expect(await gone).toMatch(/^transport (close|error)$/)
    await expectStopped(api)
    const back = new Promise<void>((resolve) => socket.once('connect', resolve))
    await stage.system.startApi(Number(new URL(client.url).port))
    await back
  })

  it('gives back what a worker cannot finish in time, and another finishes it', async () => {
    const slow = join(stage.system.dataDir, 'slow')
    await writeFile(slow, '')
    const worker = await stage.system.startWorker()
    const client = await stage.client()
    // Read in 64 pieces of 300 ms, two at a time: longer than a worker that stops lets its tasks go on.
    const large = patternOf(64 * 1024 * 1024)
    const taskId = await sendWhole(client, large)
    await client.complete(taskId, { prefer: 'respond-async' })
    await untilClaimed(stage.sql, taskId)
    worker.kill('SIGTERM')
    await expectStopped(worker)
    const [task] = await stage.sql`select status, lease_expires_at, epoch, attempts from tasks where id = ${taskId}`
    expect(task).toEqual({ status: 'InProgress', leaseExpiresAt: null, epoch: 1, attempts: 0 })

    await rm(slow)
    const next = await stage.system.startWorker()
    await untilCompleted(stage.sql, taskId)
    await expectOneFile(stage, client, taskId, large)
    next.kill('SIGINT')
    await expectStopped(next)
  })
})

async function expectStopped(process: TestProcess): Promise<void> {
  const since = Date.now()
  expect(await process.exited).toEqual({ code: 0, signal: null })
  expect(Date.now() - since).toBeLessThan(stoppedWithinMs)
}

/** Sends every chunk of an upload, but does not complete it. */
async function sendWhole(client: TestClient, bytes: Buffer = randomBytes(1000)): Promise<string> {
  const { body } = await client.create(bytes, { chunkSize: 8 * 1024 * 1024 })
  const taskId = String(body['taskId'])
  for (const [index, piece] of chunksOf(bytes, 8 * 1024 * 1024).entries()) {
    expect(await client.putChunk(taskId, index, piece)).toMatchObject({ status: 200 })
  }
  return taskId
}

/** Begins to send a chunk as clients do that keep their connections, and stops half-way. */
async function beginChunk({ sql }: Stage, client: TestClient, taskId: string, index: number) {
  const path = `/api/files/upload/chunk/${taskId}/${index}`
  const chunk = holdRequest(client, 'PUT', path, { 'content-length': megabyte, connection: 'keep-alive' })
  await chunk.send(Buffer.alloc(megabyte / 2))
  await until(async () => {
    const [lease] = await sql`select from upload_chunks where task_id = ${taskId} and index = ${index}`
    return lease && true
  })
  return chunk
}

async function uploadedChunks(client: TestClient, taskId: string): Promise<unknown> {
  const { body } = await client.call('GET', `/api/files/upload/resume/${taskId}`)
  return body['uploadedChunks']
}

async function phaseOf({ sql }: Stage, taskId: string): Promise<unknown> {
  const [upload] = await sql`select phase from uploads where task_id = ${taskId}`
  return upload?.['phase']
}

async function isRefused(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  try {
    await once(socket, 'connect')
    return false
  } catch {
    return true
  } finally {
    socket.destroy()
  }
}
