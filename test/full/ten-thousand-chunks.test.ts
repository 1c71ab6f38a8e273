import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sha256, type TestClient } from '../support/client.ts'
import { openStage, type Stage } from '../support/stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.close())

it('an upload of 10,000 chunks, 24 at once, becomes the file that was sent', async () => {
  const client = await stage.client()
  const bytes = randomBytes(20_000 - 1)
  const { body } = await client.create(bytes, { chunkSize: 2 })
  expect(body).toMatchObject({ chunkSize: 2, chunksCount: 10_000 })
  const taskId = String(body['taskId'])
  const agent = new Agent({ keepAlive: true, maxSockets: 24 })
  let next = 0
  const send = async (): Promise<void> => {
    for (let index = next++; index < 10_000; index = next++) {
      const status = await put(agent, client, { taskId, index, bytes: bytes.subarray(index * 2, index * 2 + 2) })
      if (status !== 200) throw new Error(`chunk ${index} was answered ${status}`)
    }
  }
  await Promise.all(Array.from({ length: 24 }, send))
  agent.destroy()
  const file = await client.complete(taskId)
  expect(file).toMatchObject({ status: 200, body: { size: bytes.length, hash: sha256(bytes) } })
  expect((await client.download(file.body['id'])).equals(bytes)).toBe(true)
})

type Chunk = { taskId: string; index: number; bytes: Buffer }

function put(agent: Agent, client: TestClient, { taskId, index, bytes }: Chunk): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${client.url}/api/files/upload/chunk/${taskId}/${index}`,
      { method: 'PUT', agent, headers: { authorization: `Bearer ${client.token}` } },
      (response) => response.resume().once('end', () => resolve(response.statusCode)),
    )
    sent.once('error', reject)
    sent.end(bytes)
  })
}
