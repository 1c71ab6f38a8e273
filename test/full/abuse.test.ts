import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type Answer, chunksOf, type TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'

const sockets = 1000
const floods = 3000
const lanes = 24

describe('somebody who means no good', () => {
  let stage: Stage
  let client: TestClient
  beforeAll(async () => {
    stage = await openStage()
    client = await stage.client()
  })
  afterAll(() => stage.close())

  it(`holds nobody up with ${sockets} sockets without a token, which are all closed`, async () => {
    const url = `${client.url.replace('http', 'ws')}/ws`
    const opened = Array.from({ length: sockets }, () => new WebSocket(url))
    onTestFinished(() => opened.forEach((socket) => socket.terminate()))
    const closes = opened.map(async (socket) => {
      const [code] = (await once(socket, 'close')) as [number]
      return code
    })
    await Promise.all(opened.map((socket) => once(socket, 'open')))
    // While they all wait, an ordinary client goes about its work.
    const slowest = await slowestOf(50, () => client.call('GET', '/api/tasks'))
    const bytes = randomBytes(100_000)
    const { file } = await client.upload(bytes)
    expect(await client.download(file['id'])).toEqual(bytes)
    const codes = await Promise.all(closes)
    console.log({ sockets, slowestRequestMs: Math.round(slowest) })
    expect(new Set(codes)).toEqual(new Set([4401]))
    expect((await client.call('GET', '/api/tasks')).status).toBe(200)
  })

  it("floods somebody else's upload with chunks, and not one byte of them gets there", async () => {
    const bytes = randomBytes(400_000)
    const { body: plan } = await client.create(bytes, { chunkSize: 10_000 })
    const taskId = String(plan['taskId'])
    const attacker = await stage.client()
    const statuses = new Map<string, number>()
    let slowest = 0
    let sent = 0
    const attack = async (): Promise<void> => {
      while (sent++ < floods) {
        const begunAt = performance.now()
        const { status, body } = await attacker.putChunk(taskId, sent % 40, Buffer.alloc(10_000, 'x'))
        slowest = Math.max(slowest, performance.now() - begunAt)
        const what = `${status} ${String(body['code'])}`
        statuses.set(what, (statuses.get(what) ?? 0) + 1)
      }
    }
    const flood = Promise.all(Array.from({ length: lanes }, attack))
    const pieces = chunksOf(bytes, 10_000)
    for (const [index, piece] of pieces.entries()) {
      expect((await client.putChunk(taskId, index, piece)).status).toBe(200)
    }
    await flood
    const file = await client.complete(taskId)
    console.log({ floods, answers: Object.fromEntries(statuses), slowestRequestMs: Math.round(slowest) })
    expect([...statuses.keys()]).toEqual(['404 TASK_NOT_FOUND'])
    expect(await client.download(file.body['id'])).toEqual(bytes)
    expect(stage.system.apis[0]?.output()).not.toContain('"level":"error"')
  })
})

async function slowestOf(times: number, ask: () => Promise<Answer>): Promise<number> {
  let slowest = 0
  for (let nth = 0; nth < times; nth++) {
    const begunAt = performance.now()
    expect((await ask()).status).toBe(200)
    slowest = Math.max(slowest, performance.now() - begunAt)
  }
  return slowest
}
